"""States that rise and fall together, of which no recording tells the terms of one from another's.

Two cups that cool in one room follow the same curve: each may be said to cool by itself, or by
what the other is. Where both say the same, states that do not act on one another say it simplest.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import proposals, stages
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session

__all__ = ["Uncoupled", "tied_states", "uncoupled"]


def tied_states(prepared: Prepared) -> tuple[tuple[int, int], ...]:
    """Pairs of states of which one is a monotone function of the other in all that was recorded.

    Of positions none, whose rates are states as well.
    """
    count = len(prepared.units.states) if prepared.order == 1 else 0
    every = np.concatenate([s.states for s in prepared.signals])
    pairs = itertools.combinations(range(count), 2)
    return tuple(
        pair
        for pair in pairs
        if np.ptp(every[:, pair], axis=0).all() and _together(*every[:, pair].T)
    )


def _together(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a monotone function of one state explains the other."""
    ordered = other[np.argsort(one)]
    left = [np.var(ordered - isotonic_regression(ordered, increasing=up).x) for up in (True, False)]
    return bool(min(left) < (1 - constants.TOGETHER) * np.var(ordered))


class Uncoupled(NamedTuple):
    """A search without coupling.

    Attributes:
      session: builds and searches problems without coupling.
      prepared: the problem.
      first: its search on the first part of each recording.
      note: what is to be said of it.
    """

    session: Session
    prepared: Prepared
    first: Found
    note: str


def uncoupled(
    session: Session, prepared: Prepared, first: Found, states: Sequence[str]
) -> Uncoupled | None:
    """A search in which states that rise and fall together do not act on one another.

    None where there are no such states, none of them acts on another anyway, or that is clearly
    less likely. More terms have their price in that already, and a term of an equation that may
    hold m of M terms gains log(M / m), as where half of all systems are taken to be without
    coupling (Scott & Berger 2010, Ann. Statist. 38, on multiplicity).

    Args:
      session: builds and searches problems.
      prepared: the problem.
      first: its search on the first part of each recording.
      states: their names.
    """
    # Who knows of a coupling has said so.
    asked = session.physics.rows or prepared.problem.wide or session.stop()
    pairs = () if asked else tied_states(prepared)
    other = dataclasses.replace(session, apart=pairs)
    narrow = other.narrowed(prepared)
    open_, left = (each.problem.admissible for each in (prepared, narrow))
    if not (first.chosen.mask & open_ & ~left).any():
        return None
    made, found = stages.search_from(other, narrow, proposals.proposals(narrow))
    behind = first.chosen.score - found.chosen.score
    # Fewer supports hold no coupling, so that each of them is the likelier before any data is seen.
    terms = (found.chosen.mask & left).sum(1)
    behind -= float(np.sum(terms * np.log(open_.sum(1) / np.maximum(left.sum(1), 1))))
    if behind > constants.STRONG or stages.missed(made, found):
        return None
    places = sorted({place for pair in pairs for place in pair})
    # All together, or pair by pair.
    groups = [places] if len(pairs) == len(places) * (len(places) - 1) / 2 else pairs
    names = ", ".join(" and ".join(states[d] for d in group) for group in groups)
    note = (
        f"{names} rise and fall together, so nothing tells terms of one from terms of the other: "
        f"the equations in which neither acts on the other are shown, which are {abs(behind):.1f} "
        f"nats {'less' if behind > 0 else 'more'} likely than the best; another initial state "
        "would tell"
    )
    return Uncoupled(other, made, found, note)
