"""Supports proposed from the flow between neighbouring samples, where there are no derivatives."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nsindy.discovery import constants, signals
from nsindy.discovery.candidates import Start
from nsindy.discovery.problem import Prepared
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


class _Step(NamedTuple):
    """A model of the flow: its coefficients [D, M], and the sum of squares that it leaves."""

    coefficients: np.ndarray
    squares: float


def _flow(terms, coefficients, segments):
    every = jnp.broadcast_to(jnp.arange(coefficients.shape[1]), coefficients.shape)
    free = jnp.ones(coefficients.shape, bool)
    model = Model(every, free, coefficients, segments.states[:, 0])
    solved = shooting.shoot(terms, model, segments)
    return _Flow(solved.states[:, 1], solved.by_coefficients[:, 1])  # type: ignore[arg-type]


FLOW = Program(_flow)
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
    found: list[Start] = []
    for start in starts[: constants.FLOW_STARTS]:
        step = _Step(start.coefficients, np.inf)
        for _ in range(constants.FLOW_ROUNDS):
            flow = _solved(prepared, step.coefficients, segments)
            supports = _chosen(prepared, flow, moved - flow.ends, step.coefficients, count)
            last, step = step, _downhill(prepared, segments, step, supports[0].coefficients)
            found = supports
            if not step.squares < (1 - constants.FLOW_SETTLED) * last.squares:
                break
        if step.squares < constants.FLOW_EXPLAINED * spread:
            return found
    return []


def _intervals(prepared: Prepared) -> Segments:
    """Every interval between samples, or some evenly among them, as a segment of its own."""
    cut = signals.segments(
        prepared.signals, prepared.units, prepared.usable, substeps=SUBSTEPS, length=1
    )
    used = np.flatnonzero(np.asarray(cut.steps)[:, 0] > 0)
    size = constants.FLOW_INTERVALS
    chosen = used[:: -(-len(used) // size)]
    # What is left of a power of two are intervals of no length.
    empty = np.flatnonzero(np.asarray(cut.steps)[:, 0] == 0)
    chosen = np.append(chosen, empty[: 2 ** int(np.ceil(np.log2(len(chosen)))) - len(chosen)])
    return cut._replace(
        steps=cut.steps[chosen],
        states=cut.states[chosen],
        weights=cut.weights[chosen],
        inputs=cut.inputs[chosen],
        starts=cut.starts[chosen],
    )


def _solved(prepared: Prepared, coefficients: np.ndarray, segments: Segments) -> _Flow:
    return _Flow(*map(np.asarray, FLOW(prepared.problem.terms, coefficients, segments)))


def _squares(segments: Segments, flow: _Flow) -> float:
    left = np.asarray(segments.states)[:, 1] - flow.ends
    value = float(np.sum(left**2))
    return value if np.isfinite(value) else np.inf


def _downhill(prepared: Prepared, segments: Segments, step: _Step, proposed: np.ndarray) -> _Step:
    """The proposed coefficients, or those on the way to them that leave less."""
    for share in constants.FLOW_SHARES:
        between = step.coefficients + share * (proposed - step.coefficients)
        squares = _squares(segments, _solved(prepared, between, segments))
        if squares < step.squares:
            break
    return _Step(between, squares)


def _chosen(
    prepared: Prepared, flow: _Flow, left: np.ndarray, coefficients: np.ndarray, count: int
) -> list[Start]:
    """The best supports of the linearised flow, with their coefficients."""
    problem = prepared.problem
    shape = problem.admissible.shape
    size = problem.admissible.size
    design = flow.by_coefficients.reshape(-1, size)
    target = left.reshape(-1) + design @ coefficients.reshape(-1)
    design = np.where(problem.admissible.reshape(-1)[None], design, 0.0)
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
        Start(mask, np.asarray(value).reshape(shape), problem.begin)
        for mask, value in zip(masks, values, strict=True)
    ]
