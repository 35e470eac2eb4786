"""From recordings to their equations, with nothing to tune: every step in its order."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.typing import ArrayLike
from threadpoolctl import threadpool_limits

from nsindy.discovery import (
    candidates,
    conclusion,
    proposals,
    search,
    signals,
    wave_fit,
    wave_response,
    wave_scan,
)
from nsindy.discovery.candidates import Problem
from nsindy.discovery.problem import FLOOR, Setting, believed, set_up
from nsindy.discovery.search import Searched
from nsindy.recording import check
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.terms.operations import Primitive
from nsindy.trajectories.shooting import Segments

GROWTH = 4.0, wave_response.GROWTH
"""Growth of an error in the state beyond which a recording is fitted in stretches: without noise,
and with."""

GUIDES = 4
"""Proposals among which the one is looked for that follows the recording best."""

MISSED = 3.0
"""Times its noise by which a model misses the recording, and the search starts from more places."""

Progress = Callable[[str, float], None]


def discover(
    t: ArrayLike | Sequence[ArrayLike],
    x: ArrayLike | Sequence[ArrayLike],
    *,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    states: Sequence[str] | None = None,
    order: int = 1,
    operations: Sequence[str | Primitive] | None = None,
    max_terms: int = 6,
    noise: float | Sequence[float] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind a recording, or several recordings of one system.

    Args:
      t: times [N], or a list of them, one for each recording; irregular times are fine.
      x: states [N, D], or [N] for one, or a list of them.
      inputs: measured forcing or control [N, U] that may enter the equations, or a list of them.
      states: names of the D states; without them x, y, z, … or x0, x1, ….
      order: 2 where x holds positions only, and each has an equation for its acceleration.
      operations: unary operations that may appear beside the products of variables, names or
        primitives of one's own (`learn_operation`); None for all that the values allow and that
        there are samples enough to choose among. Where sin or cos is among them, a wave
        sin(w x) whose w is found in the recording is tried as well.
      max_terms: most terms of an equation; more than needed does no harm.
      noise: standard deviation of the measurement noise, one or one for each state, if it is
        known; a smaller misfit then counts for nothing.
      seed: accepted and changes nothing: no random number is drawn.
      progress: called with the name of a stage and the share of it that is done.

    Returns:
      the Discovery.

    Raises:
      ValueError: the recording cannot be used, with the row, the column and the mend.

    Example:
      >>> import numpy as np, nsindy
      >>> t = np.linspace(0, 20, 600)
      >>> x = np.stack([np.cos(t), -np.sin(t)], 1)
      >>> print(nsindy.discover(t, x, states=["x", "v"]))  # doctest: +SKIP
      x' = 1.0000 v   (± 0.0000)
      v' = -1.0000 x   (± 0.0000)
    """
    checked = check.check_arrays(t, x, inputs=inputs, states=states)
    return from_recordings(
        checked,
        order=order,
        operations=operations,
        max_terms=max_terms,
        noise=noise,
        seed=seed,
        progress=progress,
    )


def from_recordings(
    recordings: Recordings,
    *,
    order: int = 1,
    operations: Sequence[str | Primitive] | None = None,
    max_terms: int = 6,
    noise: float | Sequence[float] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Discovery:
    """Find the equations behind recordings that were read and checked; see `discover`.

    Raises:
      ValueError: an option is out of range, or an operation is unknown or not unary.
    """
    del seed
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order}")
    if max_terms < 1:
        raise ValueError(f"max_terms must be at least 1, not {max_terms}")
    floor = believed(noise, len(recordings.states))
    say = progress or (lambda stage, share: None)
    # The matrices are small, and OpenBLAS's threads wait for each other in busy loops: beside other
    # work a factorisation would take fifty times as long.
    with jax.enable_x64(True), threadpool_limits(1, user_api="blas"):
        say("smoothing", 0.0)
        parts = [signals.thin(part) for part in recordings.parts]
        found, units = signals.prepare(parts, order)

        def build(units, substeps=1):
            made = set_up(parts, found, units, order, operations, max_terms, floor)
            made = made._replace(substeps=substeps)
            search.ahead(*_cut(made, 1.0))
            return made

        setting = build(units)
        proposed = proposals.proposals(setting)
        setting = _resolved(setting, proposed)
        say("selecting on the first four fifths", 0.0)
        first = _search(
            setting, proposed, 1 - signals.HELD_OUT, say, "selecting on the first four fifths"
        )
        base = first.found
        if _misses(setting, first.found):
            more = proposals.proposals(setting, 4 * search.WIDTH)
            more = [c.mask for c in first.found.pool[: search.WIDTH]] + more
            first = _search(setting, more, 1 - signals.HELD_OUT, say, "selecting from more places")
        offer = wave_scan.offer(setting, base.chosen.mask, base.chosen.coefficients, base.noise)
        waved = None
        if offer is not None:

            def look(setting, starts, counted):
                return _search(setting, starts, counted, say, "fitting a wave")

            waved = wave_fit.search_with(offer, build, look, setting, first)
        if waved is not None:
            setting, first, final, wave = waved
        else:
            setting = _reweighted(setting, first)
            say("selecting on all samples", 0.0)
            starts, wave = first.starts(), None
            final = _search(setting, starts, 1.0, say, "selecting on all samples")
        return conclusion.conclude(setting, recordings, first, final, wave)


def _resolved(setting: Setting, proposed: Sequence[np.ndarray]) -> Setting:
    """Take so many solver steps between samples that twice as many change nothing that is seen."""
    noise = signals.noise(setting.signals)
    small = np.where(noise > 0, np.maximum(noise / 10, setting.problem.floor / 3), np.inf)
    last = None
    for substeps in (1, 2, 4, 8):
        problem, cut = _cut(setting._replace(substeps=substeps), 1.0)
        starts = [(mask, candidates.by_derivatives(problem, mask)) for mask in proposed[:2]]
        paths = [states for states, _ in candidates.solved(problem, starts, cut)]
        if last is not None:
            change = np.abs(np.array(paths) - last)
            change = np.max(np.where(np.isfinite(change), change, 0.0), (0, 1, 2))
            # An error of fifth order falls by 2⁵ when the steps are halved.
            if (change < small).all():
                return setting._replace(substeps=substeps // 2)
            if (change / 16 < small).all():
                return setting._replace(substeps=substeps)
        last = np.array(paths)
    return setting._replace(substeps=8)


def _misses(setting: Setting, found: search.Found) -> bool:
    noise = signals.noise(setting.signals)
    missed = found.noise > MISSED * np.maximum(noise, setting.problem.floor)
    # Where smoothing has not told noise from signal, what a model misses still has structure.
    resolved = np.all([s.resolved for s in setting.signals], 0)
    missed &= resolved | (found.chosen.independent < 0.5)
    return bool(missed[noise > 0].any())


def _cut(setting: Setting, counted: float) -> tuple[Problem, Segments]:
    cut, begin = signals.segments(
        setting.signals,
        setting.units,
        setting.usable,
        substeps=setting.substeps,
        length=setting.length,
        counted=counted,
    )
    return setting.problem._replace(begin=begin), cut


def _search(setting: Setting, starts, counted: float, say: Progress, stage: str) -> Searched:
    problem, cut = _cut(setting, counted)
    fitted = isinstance(starts[0], tuple)
    starts = [
        start if isinstance(start, tuple) else (start, candidates.by_derivatives(problem, start))
        for start in starts
    ]
    noise = signals.noise(setting.signals)
    noise = np.where(noise > 0, np.maximum(noise, problem.floor), 1.0)
    # The proposal that follows the segments best shows where errors grow. Every regression sends
    # some; of what was fitted before the best comes first.
    guides = starts[:1] if fitted else starts[:: -(-len(starts) // GUIDES)]
    paths = candidates.solved(problem, guides, cut)
    weights, measured = np.asarray(cut.weights) / noise**2, np.asarray(cut.states)
    misfit = [np.sum(weights * (states - measured) ** 2) for states, _ in paths]
    ends = paths[int(np.argmin(np.nan_to_num(misfit, nan=np.inf)))][1]
    cut = signals.windows(cut, ends, growth=_growth(setting))
    found = search.search(problem, cut, starts, noise, progress=lambda share: say(stage, share))
    return Searched(found, cut, problem)


def _growth(setting: Setting) -> float:
    """How far an error may grow in a stretch.

    Nearly noiseless states carry the errors of what made them, which were new at every sample: in
    a long stretch of chaos they outgrow the noise, and terms are found that describe them.
    """
    noise = np.max(signals.noise(setting.signals))
    return float(np.clip(noise / FLOOR, *GROWTH))


def _reweighted(setting: Setting, found: Searched) -> Setting:
    """Take the noise from the states that were fitted, where they fit."""
    if _misses(setting, found.found):
        return setting
    best = found.found.chosen
    start = (best.mask, (best.coefficients, best.begin))
    paths, _ = candidates.solved(found.problem, [start], found.segments)[0]
    followed = signals.nodes(setting.signals, paths)
    states = [x[: signals.fitted(len(x))] for x in followed]
    renewed = signals.weighted(setting.signals, states, setting.problem.floor)
    return setting._replace(signals=renewed)
