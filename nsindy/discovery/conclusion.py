"""What a search found, with its uncertainty, in the units of the recordings."""

import dataclasses

import numpy as np

from nsindy.discovery import candidates, signals, wording
from nsindy.discovery.problem import Prepared
from nsindy.discovery.readings import Late
from nsindy.discovery.search import Found
from nsindy.discovery.wave_fit import FittedWave
from nsindy.discovery.wording import Wording
from nsindy.evidence import regression
from nsindy.recording.check import Recordings
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery, HeldOut

__all__ = ["conclude", "inclusion_probabilities", "standard_errors"]


def conclude(
    prepared: Prepared,
    recordings: Recordings,
    first: Found,
    final: Found,
    wave: FittedWave | None = None,
    *,
    lag: Late | None = None,
    stopped: bool = False,
) -> Discovery:
    """Put the result together.

    Args:
      prepared: what was searched.
      recordings: as they were read.
      first: the search on the first part of each recording, whose forecast is judged.
      final: the search on all samples.
      wave: the number of the fitted wave, where there is one.
      lag: the delay of the held inputs, where there is one.
      stopped: True if the search was ended from outside.
    """
    problem, units, best = final.problem, prepared.units, final.chosen
    states = recordings.states
    if prepared.order == 2:
        states = (*states, *(f"{name}'" for name in states))
    words = Wording(prepared, (*states, *recordings.inputs), states)
    errors = standard_errors(final, wave, lag) * prepared.back
    begins = np.flatnonzero(_begins_recording(prepared))
    kinds = np.all([s.proportional for s in prepared.signals], 0)
    noise = np.where(kinds, _misfit_share(final, prepared), final.noise * units.states)
    unmeasured = np.all([s.noise == 0 for s in prepared.signals], 0)
    discovery = Discovery(
        coefficients=best.coefficients * prepared.back,
        standard_errors=np.where(best.mask & problem.admissible, errors, 0.0),
        inclusion_probabilities=np.clip(inclusion_probabilities(final), 0, 1),
        noise=np.where(unmeasured, 0.0, noise),
        score=np.asarray(best.score - (wave.price if wave else 0.0)),
        initial=best.begin[begins] * units.states,
        held_out=_held_out(prepared, recordings, first, begins),
        library=prepared.terms,
        states=states,
        inputs=recordings.inputs,
        held=tuple(map(bool, prepared.signals[0].held)),
        delay=lag.delay if lag else 0.0,
        order=prepared.order,
        noise_kind=tuple("proportional" if k else "constant" for k in kinds),
        equivalent_models=words.equivalents(best),
        runner_up=words.runners_up(best, final.pool),
        collinear=words.near_duplicates(best),
        warnings=(),
    )
    notes = recordings.notes
    if wave is not None:
        notes = (*notes, words.wave(final, wave.number, wave.error * _widening(final)))
    warnings = wording.warnings(prepared, first, final, discovery, words)
    if stopped:
        warnings = [wording.STOPPED, *warnings]
    return dataclasses.replace(discovery, warnings=(*notes, *warnings))


def _begins_recording(prepared: Prepared) -> np.ndarray:
    length = prepared.length
    return np.concatenate([np.arange(0, len(s.times) - 1, length) == 0 for s in prepared.signals])


def _misfit_share(found: Found, prepared: Prepared) -> np.ndarray:
    """The proportional noise that the misfit of the model itself shows."""
    size = np.sqrt(np.mean(np.concatenate([s.measured for s in prepared.signals]) ** 2, 0))
    return found.noise / size


def inclusion_probabilities(found: Found) -> np.ndarray:
    """Posterior probability of every term over all supports that were fitted or predicted [D, M].

    P(m in S_d) = Σ_S [m in S_d] exp(score(S)) / Σ_S exp(score(S))
    """
    masks = [c.mask for c in found.pool] + [p.mask for p in found.around]
    scores = np.array([c.score for c in found.pool] + [p.score for p in found.around])
    weights = np.exp(scores - scores.max())
    return np.tensordot(weights / weights.sum(), np.array(masks, float), 1)


def standard_errors(
    found: Found, wave: FittedWave | None = None, lag: Late | None = None
) -> np.ndarray:
    """Standard errors of the coefficients of the best support, scaled [D, M].

    From the linearisation of the trajectories, in which the residuals' autocorrelation counts:
    n measurements of which m are independent widen an error by √(n / m). Where w is fitted, the
    variance of a coefficient ξ is that at this w, and (dξ/dw)² times that of w; a delay likewise.
    """
    mask = found.chosen.mask & found.problem.admissible
    linear = found.linearised
    solution = regression.least_squares_numpy(linear.factor, linear.columns_of(mask))
    variance = linear.split(np.diagonal(solution.covariance))[1].reshape(mask.shape)
    if lag is not None:
        variance = variance + np.where(mask, lag.slopes * lag.error, 0.0) ** 2
    if wave is not None:
        variance = variance + np.where(mask, wave.slopes * wave.error, 0.0) ** 2
    return np.sqrt(variance) * _widening(found)


def _widening(found: Found) -> float:
    """What widens a standard error of independent residuals of known variance."""
    mask = found.chosen.mask & found.problem.admissible
    total, independent = found.samples.sum(), np.sum(found.samples * found.chosen.independent)
    freedom = max(total - mask.sum() - found.linearised.initial, 1)
    return float(np.sqrt(total / max(independent, 1.0) * total / freedom))


def _held_out(
    prepared: Prepared, recordings: Recordings, first: Found, begins: np.ndarray
) -> HeldOut:
    """Forecast the end of each recording from the state that the fit ends with."""
    best, units = first.chosen, prepared.units
    coefficients = best.coefficients * prepared.back
    right = along_recording.right_hand_side(prepared.terms, coefficients)
    (path,) = candidates.solved(first.problem, [best.start], first.segments)
    followed = signals.nodes(prepared.signals, path.states)
    squares, count, deviations = 0.0, np.zeros(len(recordings.states), int), 0.0
    measured = len(recordings.states)
    for signal, part, nodes in zip(prepared.signals, prepared.parts, followed, strict=True):
        limit = signals.fitted_samples(len(signal.times))
        forecast = along_recording.solve_along(
            right,
            nodes[limit - 1] * units.states,
            part.times[limit - 1 :],
            part.inputs[limit - 1 :],
            scale=units.states,
            held=signal.held,
        )[1:, :measured]
        truth = part.states[limit:]
        seen = np.isfinite(truth)
        count += seen.sum(0)
        mean = np.sum(truth, 0, where=seen) / np.maximum(seen.sum(0), 1)
        squares = squares + np.sum((forecast - truth) ** 2, 0, where=seen)
        deviations = deviations + np.sum((truth - mean) ** 2, 0, where=seen)
    rmse = np.sqrt(squares / np.where(count > 0, count, np.nan))
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    return HeldOut(
        coefficients,
        best.begin[begins] * units.states,
        np.nan_to_num(rmse, nan=np.inf),
        np.nan_to_num(r2, nan=-np.inf),
    )
