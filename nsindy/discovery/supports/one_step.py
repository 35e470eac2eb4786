"""Supports proposed from the flow between neighbouring samples, where there are no derivatives."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import segmentation
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.candidates import Start
from nsindy.evidence import beam, regression
from nsindy.runtime.programs import Program
from nsindy.trajectories import shooting
from nsindy.trajectories.shooting import Model, Segments

__all__ = ["from_flow"]

SUBSTEPS = 4
"""Steps of the solver between samples that are coarse."""


class _Flow(NamedTuple):
    """Where every interval ends, and its derivatives by all coefficients [B, D], [B, D, D·M]."""

    ends: np.ndarray
    by_coefficients: np.ndarray


def _flow(terms, coefficients, segments):
    every = jnp.broadcast_to(jnp.arange(coefficients.shape[1]), coefficients.shape)
    free = jnp.ones(coefficients.shape, bool)
    model = Model(every, free, coefficients, segments.states[:, 0])
    solved = shooting.shoot(terms, model, segments)
    return _Flow(solved.states[:, 1], solved.by_coefficients[:, 1])  # type: ignore[arg-type]


def _ends(terms, coefficients, segments):
    def ends(each):
        every = jnp.broadcast_to(jnp.arange(each.shape[1]), each.shape)
        model = Model(every, jnp.ones(each.shape, bool), each, segments.states[:, 0])
        none = jnp.zeros((len(each), 0), int)
        return shooting.shoot(terms, model, segments, none).states[:, 1]

    return jax.lax.map(ends, coefficients)


FLOW = Program(_flow)
ENDS = Program(_ends)
BEAM = Program(beam.beam_search, static=("slots", "depth", "width"))


def from_flow(prepared: Prepared, starts: Sequence[Start]) -> list[Start]:
    """Supports that carry one sample into the next.

    x_{n+1} = Φ(x_n; ξ) ≈ Φ(x_n; ξ₀) + ∂Φ/∂ξ (ξ - ξ₀)

    in all terms at once is a regression in which a beam chooses the terms; from what it chooses the
    flow is linearised anew, until the choice stays. Every interval begins at its sample, so nothing
    must be smoothed, and samples may be as far apart as an error of ξ does not throw the state to
    somewhere else.

    Args:
      prepared: the problem, all of whose states are measured.
      starts: where to begin, best first; each next one where the one before leads nowhere.

    Returns:
      the best supports, their coefficients fitted; none where none predicts the samples.
    """
    segments = _intervals(prepared)
    moved = np.asarray(segments.states)[:, 1]
    count = int(np.sum(np.asarray(segments.steps) > 0))
    spread = float(np.sum((moved[:count] - moved[:count].mean(0)) ** 2))
    for start in starts[: constants.FLOW_STARTS]:
        coefficients, squares = start.coefficients + prepared.problem.known, np.inf
        for _ in range(constants.FLOW_ROUNDS):
            flow = _solved(prepared, coefficients, segments)
            found = _chosen(prepared, flow, moved - flow.ends, coefficients, count)
            steps = [each.coefficients for each in found]
            # Where every choice leads uphill, a part of the way to the first may not.
            steps += [
                coefficients + share * (steps[0] - coefficients) for share in constants.FLOW_SHARES
            ]
            left = _squares(prepared, segments, steps)
            best = int(np.argmin(left[: len(found)]))
            if not left[best] < squares:
                best = int(np.argmin(left))
            if not left[best] < (1 - constants.FLOW_SETTLED) * squares:
                break
            coefficients, squares = steps[best], left[best]
        if squares < constants.FLOW_EXPLAINED * spread:
            return found
    return []


def _intervals(prepared: Prepared) -> Segments:
    """Every interval between samples, or some evenly among them, as a segment of its own."""
    cut = segmentation.segments(
        prepared.signals, prepared.units, prepared.usable, substeps=SUBSTEPS, length=1
    )
    used = np.flatnonzero(np.asarray(cut.steps)[:, 0] > 0)
    size = constants.FLOW_INTERVALS
    chosen = used[:: -(-len(used) // size)]
    # What is left of a power of two are intervals of no length.
    empty = np.flatnonzero(np.asarray(cut.steps)[:, 0] == 0)
    chosen = np.append(chosen, empty[: 2 ** int(np.ceil(np.log2(len(chosen)))) - len(chosen)])
    # An interval of no length ends where it begins.
    states, still = np.asarray(cut.states[chosen]), np.asarray(cut.steps[chosen]) == 0
    states = jnp.asarray(np.where(still[..., None], states[:, :1], states))
    return cut._replace(
        steps=cut.steps[chosen],
        states=states,
        weights=cut.weights[chosen],
        inputs=cut.inputs[chosen],
        starts=cut.starts[chosen],
    )


def _solved(prepared: Prepared, coefficients: np.ndarray, segments: Segments) -> _Flow:
    return _Flow(*map(np.asarray, FLOW(prepared.problem.terms, coefficients, segments)))


def _squares(
    prepared: Prepared, segments: Segments, coefficients: Sequence[np.ndarray]
) -> np.ndarray:
    """What models leave of the samples by the ones before, sums of squares."""
    most = constants.WIDTH + len(constants.FLOW_SHARES)
    padded = np.stack([*coefficients, *[coefficients[-1]] * (most - len(coefficients))])
    ends = np.asarray(ENDS(prepared.problem.terms, padded, segments))[: len(coefficients)]
    squares = np.sum((np.asarray(segments.states)[None, :, 1] - ends) ** 2, (1, 2))
    return np.where(np.isfinite(squares), squares, np.inf)


def _chosen(
    prepared: Prepared, flow: _Flow, left: np.ndarray, coefficients: np.ndarray, count: int
) -> list[Start]:
    """The best supports of the linearised flow, with their coefficients."""
    problem = prepared.problem
    shape = problem.admissible.shape
    size = problem.admissible.size
    # What is known of the equations stays in where the flow ends.
    design = np.where(problem.admissible.reshape(-1), flow.by_coefficients.reshape(-1, size), 0.0)
    target = left.reshape(-1) + design @ coefficients.reshape(-1)
    known = np.isfinite(design).all(1) & np.isfinite(target)
    factor = regression.compress(design[known], target[known, None])
    # Errors of the solver that made the recording are not worth a term.
    floor = np.zeros((1, size + 1))
    floor[0, -1] = np.sqrt(count * np.sum(problem.floor**2))
    factor = np.concatenate([np.asarray(factor), floor])
    supports = BEAM(
        factor,
        float(count * shape[0]),
        problem.prior,
        np.zeros(shape, bool),
        slots=problem.slots,
        depth=min(problem.slots * shape[0], constants.FLOW_TERMS),
        width=2 * constants.WIDTH,
    )
    scores, masks = np.asarray(supports.log_evidence), np.asarray(supports.masks)
    masks = masks[np.isfinite(scores)][: constants.WIDTH]
    values = [
        regression.least_squares_numpy(factor, mask.reshape(-1)).coefficients for mask in masks
    ]
    return [
        Start(mask, np.asarray(value).reshape(shape) + problem.known, problem.begin)
        for mask, value in zip(masks, values, strict=True)
    ]
