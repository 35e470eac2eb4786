"""A search with one input more, which was not measured: what all forcings in time share."""

import dataclasses
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.preparation.problem import Prepared, Problem
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates, proposals
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED, FittedNumbers
from nsindy.discovery.supports.inclusion import only_probable
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session

__all__ = [
    "Forced",
    "beside_inputs",
    "forceable",
    "in_wider_library",
    "open_equations",
    "with_input",
    "with_last_terms",
    "with_slots",
]


class Forced(NamedTuple):
    """A search with a forcing in time.

    Attributes:
      prepared: the problem, whose last input is the time or a step in it.
      first: the search on the first part of each recording.
      final: the search on all samples.
      price: nats that the number inside the forcing costs, which the scores do not know.
      numbers: w, where it is a wave.
      step: the time of the step, where it is one, and its standard error.
    """

    prepared: Prepared
    first: Found
    final: Found
    price: float
    numbers: FittedNumbers = NOTHING_FITTED
    step: tuple[float, float] | None = None

    @property
    def evidence(self) -> float:
        """Nats, the price paid."""
        return float(self.final.chosen.score) - self.price

    def holds(self, found: Found) -> bool:
        """Tell whether the choice of a search of this problem depends on the time."""
        last = len(self.prepared.units.variables) - 1
        timed = [holds(term, last) for term in self.prepared.terms]
        return bool(only_probable(found)[0].chosen.mask[:, timed].any())


def with_input(
    session: Session, prepared: Prepared, columns: list[np.ndarray]
) -> tuple[Session, Units]:
    """A session whose recordings have one input more, that was not measured, and its units.

    Args:
      session: without it.
      prepared: the problem without it.
      columns: the input in each recording, at its samples [N].
    """
    size = max(float(np.max(np.abs(column))) for column in columns) or 1.0
    parts, made = [], []
    for part, s, column in zip(session.parts, prepared.signals, columns, strict=True):
        parts.append(part._replace(inputs=np.column_stack([part.inputs, column])))
        made.append(beside_inputs(s, column / size))
    units = prepared.units._replace(inputs=np.append(prepared.units.inputs, size))
    return dataclasses.replace(session, parts=parts, signals=made, forcings=1), units


def beside_inputs(s: signals.Signal, column: np.ndarray) -> signals.Signal:
    """A recording with one input more, which is not held between its samples [N]."""
    inputs, before = (np.column_stack([each, column]) for each in (s.inputs, s.before))
    return s._replace(inputs=inputs, before=before, held=np.append(s.held, False))


def in_wider_library(found: Found, more: int) -> Found:
    """The same search in a library with more terms at its end."""

    def wide(candidate):
        pad = ((0, 0), (0, more))
        mask, coefficients = np.pad(candidate.mask, pad), np.pad(candidate.coefficients, pad)
        return candidate._replace(mask=mask, coefficients=coefficients)

    return found._replace(chosen=wide(found.chosen), pool=[wide(c) for c in found.pool])


def forceable(built: Prepared) -> list[int]:
    """The equations that may hold a forcing, which is the last term."""
    return np.flatnonzero(built.problem.admissible[:, -1]).tolist()


def open_equations(prepared: Prepared) -> list[int]:
    """The equations that may hold a forcing, before there is one: those that are not given."""
    open_ones = prepared.problem.admissible.any(1) & ~prepared.tables.listed
    return np.flatnonzero(open_ones).tolist()


def with_slots(problem: Problem, base: Candidate, equation: int, more: int) -> np.ndarray:
    """The support with slots left for so many terms more: its smallest contributions go [D, M].

    Args:
      problem: with the forcing.
      base: a model without it.
      equation: that must have slots left.
      more: how many.
    """
    mask = base.mask.copy()
    size = mask.shape[1]
    held = np.flatnonzero(mask[equation] & problem.admissible[equation, :size])
    shares = np.abs(base.coefficients[equation] * problem.shares[equation, :size])[held]
    fewest = max(len(held) + more - problem.slots, 0)
    mask[equation, held[np.argsort(shares)[:fewest]]] = False
    return mask


def with_last_terms(
    session: Session,
    built: Prepared,
    final: Found,
    price: float,
    *,
    earns: float = constants.WAVE_EARNS,
) -> Forced | None:
    """A search with the last terms as well; None where none is chosen, or they earn too little.

    Args:
      session: builds and searches problems with the input.
      built: the problem, whose last terms, that the search without lacks, hold the forcing.
      final: that search on all samples.
      price: nats that a number inside the forcing costs.
      earns: nats beyond that price that they must earn.
    """
    count = len(built.terms) - final.chosen.mask.shape[1]
    pool = in_wider_library(final, count).pool[: constants.WIDTH]
    masks = [c.mask for c in pool]
    for d in forceable(built):
        for last in range(1, count + 1):
            forced = with_slots(built.problem, pool[0], d, 1)
            forced[d, -last] = True
            masks.append(forced)
    starts = [candidates.regressed(built.problem, one) for one in masks]
    # Without the forcing, what was fitted may have none of the right terms.
    starts += proposals.proposals(built, products=False)
    stage, part = "looking for a forcing in time", 1 - constants.HELD_OUT
    whole = session.search(built, starts, share=1.0, stage=stage, guides=constants.GUIDES)
    if not whole.chosen.mask[:, -count:].any():
        return None
    if whole.chosen.score - final.chosen.score - price < earns:
        return None
    again = session.search(built, whole.starts(), share=part, stage=stage, guides=1)
    return Forced(built, again, whole, price)
