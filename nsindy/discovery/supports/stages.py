"""The search on the first part of recordings, from all that is proposed, and on all samples."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates, one_step, proposals
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.terms.operations import numpy_function
from nsindy.terms.term import by_depth

__all__ = [
    "First",
    "bent_in_fit",
    "first_search",
    "from_more_places",
    "missed",
    "resolved",
    "search_all",
    "search_from",
    "with_noise_seen",
]


class First(NamedTuple):
    """A problem, and the search on the first part of its recordings."""

    prepared: Prepared
    found: Found


def first_search(session: Session, units: Units) -> First:
    """The problem, and the search on the first part of the recordings."""
    prepared = session.build(units)
    starts = proposals.proposals(prepared)
    if all(s.coarse for s in prepared.signals) and not prepared.problem.wide:
        starts = one_step.from_flow(prepared, starts) + starts
    return search_from(session, prepared, starts)


def search_from(session: Session, prepared: Prepared, starts: list[Start]) -> First:
    """The problem, its solver steps chosen, and the search from these starts on the first part.

    Where what is left shows that the smoothing took one kind of noise for the other, the problem
    has the kind that it shows: a wrong one weighs a few samples a thousandfold, which no model
    follows, or a model of other terms.
    """
    prepared = resolved(prepared, starts)
    part, guides = 1 - constants.HELD_OUT, constants.GUIDES
    stage = "selecting on the first four fifths"
    session.tell(stage, 0.0)
    found = session.search(prepared, starts, share=part, stage=stage, guides=guides)
    first = First(prepared, found)
    if session.stop():
        return first
    renewed = _weighted(prepared, found)
    kinds, others = ([s.proportional for s in each.signals] for each in (prepared, renewed))
    if np.array_equal(kinds, others):
        return first
    found = session.search(renewed, found.starts(), share=part, stage=stage, guides=guides)
    return first if missed(renewed, found) else First(renewed, found)


def with_noise_seen(session: Session, prepared: Prepared, found: Found) -> First:
    """The same, or searched again with the noise that a model tells where smoothing could not.

    Samples that are too far apart to be smoothed look exact. Where what a model leaves of them is
    white, it is their noise.

    Args:
      session: builds and searches problems.
      prepared: the problem.
      found: a search on the first part of each recording.
    """
    noise = np.maximum(signals.noise(prepared.signals), prepared.problem.floor)
    unseen = ~np.all([s.resolved for s in prepared.signals], 0)
    more = unseen & (found.noise > constants.MISSED * noise)
    if not more.any() or missed(prepared, found) or session.stop():
        return First(prepared, found)
    renewed = _weighted(prepared, found)
    stage, part = "selecting on the first four fifths", 1 - constants.HELD_OUT
    return First(
        renewed, session.search(renewed, found.starts(), share=part, stage=stage, guides=1)
    )


def from_more_places(prepared: Prepared, found: Found) -> list[Start]:
    """The best of what was fitted, from regressions again, and four times as many proposals."""
    pool = found.pool[: prepared.problem.fits]
    again = [candidates.regressed(prepared.problem, c.mask) for c in pool]
    return again + proposals.proposals(prepared, 4 * constants.WIDTH)


def resolved(prepared: Prepared, starts: Sequence[Start]) -> Prepared:
    """Take so many solver steps between samples that twice as many change nothing that is seen.

    A proposal that runs away in a segment, however many steps are taken, tells nothing of them.
    """
    noise = signals.noise(prepared.signals)
    of_noise, of_floor = constants.SOLVER_ERROR
    seen = np.maximum(noise * of_noise, prepared.problem.floor * of_floor)
    small = np.where(noise > 0, seen, np.inf)
    last = left = None
    for substeps in constants.SUBSTEPS:
        cut = prepared._replace(substeps=substeps).segments(1.0)
        paths = np.array([p.states for p in candidates.solved(prepared.problem, starts[:2], cut)])
        low, high = np.asarray(cut.bound)
        away = ~((paths > low) & (paths < high)).all((2, 3), keepdims=True)
        if last is not None:
            change = np.where(away & left, 0.0, np.abs(paths - last))
            change = np.max(np.where(np.isfinite(change), change, 0.0), (0, 1, 2))
            # An error of fifth order falls by 2⁵ when the steps are halved.
            if (change < small).all():
                return prepared._replace(substeps=substeps // 2)
            if (change / 16 < small).all():
                return prepared._replace(substeps=substeps)
        last, left = paths, away
    return prepared._replace(substeps=constants.SUBSTEPS[-1])


def missed(prepared: Prepared, found: Found) -> bool:
    """Tell whether the choice of a search misses a recording by several times its noise."""
    noise = signals.noise(prepared.signals)
    far = found.noise > constants.MISSED * np.maximum(noise, prepared.problem.floor)
    # Where smoothing has not told noise from signal, what a model misses still has structure.
    resolved = np.all([s.resolved for s in prepared.signals], 0)
    far &= resolved | (found.chosen.independent < constants.INDEPENDENT) | _loose(prepared, found)
    return bool(far[noise > 0].any())


def _loose(prepared: Prepared, found: Found) -> np.ndarray:
    """Where samples are too coarse to be smoothed and a model leaves a good part of them [D]."""
    spread = np.std(np.concatenate([s.measured for s in prepared.signals]), 0)
    coarse = all(s.coarse for s in prepared.signals)
    return coarse & (found.noise > constants.TAKEN_FOR_NOISE * spread)


def bent_in_fit(prepared: Prepared, found: Found) -> bool:
    """Whether a fit bends an operation of the choice, as sign(x) at its jump, along the states."""
    chosen = [prepared.terms[m] for m in np.flatnonzero(found.chosen.mask.any(0))]
    states = np.concatenate([s.states for s in prepared.signals])
    for node in (node for level in by_depth(chosen) for node in level):
        own, bent = node.primitive, node.primitive.smooth
        place = node.arguments[0] if node.arguments else None
        if bent is not None and isinstance(place, int) and place < states.shape[1]:
            exact, other = (numpy_function(each)(states[:, place]) for each in (own, bent))
            if np.max(np.abs(exact - other)) > constants.FINE_LEFT:
                return True
    return False


def _reweighted(prepared: Prepared, found: Found) -> Prepared:
    """Take the noise from the states that were fitted, where they fit."""
    return prepared if missed(prepared, found) else _weighted(prepared, found)


def _weighted(prepared: Prepared, found: Found) -> Prepared:
    """Take the noise from the states that were fitted."""
    followed = candidates.along_recordings(
        found.problem, found.chosen.start, found.segments, prepared.signals
    )
    states = [x[: signals.fitted_samples(len(x))] for x in followed]
    renewed = signals.weighted(prepared.signals, states, prepared.problem.floor)
    return prepared._replace(signals=renewed)


def search_all(
    session: Session, prepared: Prepared, first: Found, *, stopped: bool = False
) -> tuple[Prepared, Found]:
    """The search on all samples, from what that on the first part has found."""
    prepared = _reweighted(prepared, first)
    stage = "selecting on all samples"
    session.tell(stage, 0.0)
    starts = first.starts()[: 1 if stopped else None]
    # Samples too coarse to be smoothed look exact.
    left = first.noise if all(s.coarse for s in prepared.signals) else None
    return prepared, session.search(prepared, starts, share=1.0, stage=stage, guides=1, left=left)
