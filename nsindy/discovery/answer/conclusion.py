"""What a search found, with its uncertainty, in the units of the recordings."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from nsindy.discovery.answer import cautions, diagnosis
from nsindy.discovery.answer.few_terms import in_few_terms, linear_ones
from nsindy.discovery.answer.phase_differences import of_differences
from nsindy.discovery.answer.verdict import (
    Verdict,
    followed_by,
    held_out,
    judge_equations,
    misfit_of,
    simulated_r2,
)
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.inputs.readings import Late
from nsindy.discovery.inputs.sensor_lag import SensorLag
from nsindy.discovery.preparation import dictionary, signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import neighbours
from nsindy.discovery.supports.discrepancy import Discrepancy
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED, FittedNumbers
from nsindy.discovery.supports.inclusion import Unclear, inclusion_probabilities, only_probable
from nsindy.discovery.supports.search import Found
from nsindy.evidence import regression
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.result.tested import HeldOut
from nsindy.terms.numbered import Inner, inner_numbers, of_each

__all__ = ["conclude", "nothing", "standard_errors", "widening"]


def conclude(
    prepared: Prepared,
    recordings: Recordings,
    first: Found,
    final: Found,
    numbers: FittedNumbers,
    slow: Discrepancy,
    *,
    lag: Late | SensorLag | None = None,
    stopped: bool = False,
    hidden: tuple[str, ...] = (),
) -> Discovery:
    """Put the result together.

    Args:
      prepared: what was searched.
      recordings: as they were read.
      first: the search on the first part of each recording, whose forecast is judged.
      final: the search on all samples.
      numbers: that were fitted inside terms.
      slow: the slow error beside the equations.
      lag: the delay of the held inputs or of sensors, where there is one.
      stopped: True if the search was ended from outside.
      hidden: names of states that were not measured.
    """
    final, unclear = only_probable(final)
    problem, units, best = final.problem, prepared.units, final.chosen
    states = (*recordings.states, *hidden)
    if prepared.order == 2:
        states = (*states, *(f"{name}'" for name in states))
    probable = np.clip(inclusion_probabilities(final, unclear), 0, 1)
    verdict = judge_equations(prepared, final, slow, unclear, probable)
    followed = followed_by(prepared, final)
    words = Wording(prepared, (*states, *recordings.inputs), states)
    effective = _effective(final)
    errors = standard_errors(effective, numbers, lag) * prepared.back
    kinds = np.all([s.proportional for s in prepared.signals], 0)
    given = prepared.tables.given != 0
    errors_inside = numbers.errors * _widening(effective)
    of_used = _errors_of_used(prepared, best.mask, numbers.inner, errors_inside)
    discovery = Discovery(
        coefficients=prepared.in_units(best.coefficients),
        standard_errors=np.where(best.mask & problem.open, errors, 0.0),
        inclusion_probabilities=problem.alike(probable),
        noise=_noise_in_units(prepared, final, slow, kinds),
        score=np.asarray(best.score - (0.0 if of_used is None else numbers.price)),
        initial=best.begin[prepared.first_segments] * units.states,
        slow_error=slow.size * units.states,
        slow_memory=slow.memory * signals.usual_step(recordings.parts),
        simulation_r2=simulated_r2(prepared, followed),
        verdict=verdict.name,
        held_out=held_out(prepared, first),
        library=prepared.terms,
        states=states,
        inputs=recordings.inputs,
        held=tuple(map(bool, prepared.signals[0].held)),
        delay=lag.delay if isinstance(lag, Late) else 0.0,
        sensor_lag=lag.times if isinstance(lag, SensorLag) else None,
        order=prepared.order,
        noise_kind=tuple("proportional" if k else "constant" for k in kinds),
        equivalent_models=words.equivalents(best),
        runner_up=words.runners_up(best, final.pool),
        collinear=words.near_duplicates(best),
        warnings=(),
        known=given if given.any() else None,
        hidden=hidden,
        number_errors=of_used,
    )
    fitted = words.numbers(best.mask, numbers.inner, errors_inside)
    coefficients, names = np.asarray(discovery.coefficients), words.variables
    together = of_differences(prepared.terms, coefficients, errors, names, words.left)
    return _with_words(
        discovery, (*recordings.notes, *fitted, *together), prepared, first, final, words, verdict,
        unclear, followed, stopped=stopped,
    )  # fmt: skip


def _with_words(
    discovery: Discovery,
    notes: tuple[str, ...],
    prepared: Prepared,
    first: Found,
    final: Found,
    words: Wording,
    verdict: Verdict,
    unclear: Sequence[Unclear],
    followed: Sequence[np.ndarray],
    *,
    stopped: bool,
) -> Discovery:
    """The result with these notes, plainer equations that come close, and reasons for caution."""
    sure, linear, few = verdict.name == "equation", "", ""
    if not (discovery.hidden or stopped):
        linear = linear_ones(prepared, first, final, words)
        if not (sure and linear):
            few = in_few_terms(prepared, first, final, words, sure=sure)
    notes = (*notes, *filter(None, [linear, few if sure else ""]))
    warnings = cautions.warnings(prepared, first, final, discovery, words, verdict, unclear)
    if not sure:
        missing = _what_is_missing(prepared, followed, discovery.measured)
        warnings = [*missing, *warnings, *filter(None, [few])]
    if stopped:
        warnings = [cautions.STOPPED, *(each for each in warnings if each != cautions.UNSETTLED)]
    return dataclasses.replace(discovery, notes=notes, warnings=tuple(warnings))


def nothing(recordings: Recordings) -> Discovery:
    """The result where no state has an equation: all stay as they are, x' = 0.

    Args:
      recordings: as they were read, with notes that say why.
    """
    states, count = recordings.states, len(recordings.states)
    terms = dictionary.monomials(count + len(recordings.inputs), 0)
    zero = np.zeros((count, len(terms)))
    kept = [part.states for part in recordings.parts]
    limits = [signals.fitted_samples(len(x)) for x in kept]
    squares, deviations, judged = misfit_of(
        [
            (x[n:], np.broadcast_to(_first_measured(x[:n][::-1]), x[n:].shape))
            for x, n in zip(kept, limits, strict=True)
        ]
    )
    squares = np.where(judged > 0, squares, np.nan)
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    initial = np.stack([_first_measured(x) for x in kept])
    rmse = np.nan_to_num(np.sqrt(squares / np.maximum(judged, 1)), nan=np.inf)
    held_out = HeldOut(zero, initial, rmse, np.nan_to_num(r2, nan=-np.inf))
    return Discovery(
        coefficients=zero,
        standard_errors=zero,
        inclusion_probabilities=zero,
        noise=np.nanstd(np.concatenate(kept), 0),
        score=np.zeros(()),
        initial=initial,
        held_out=held_out,
        library=terms,
        states=states,
        inputs=recordings.inputs,
        noise_kind=("constant",) * count,
        verdict="none",
        slow_error=np.zeros(count),
        slow_memory=np.zeros(count),
        simulation_r2=np.zeros(count),
        notes=recordings.notes,
    )


def _first_measured(states: np.ndarray) -> np.ndarray:
    """The first value of each state [D], of those that are NaN where it was not measured [N, D]."""
    return states[np.isfinite(states).argmax(0), np.arange(states.shape[1])]


def _noise_in_units(
    prepared: Prepared, final: Found, slow: Discrepancy, kinds: np.ndarray
) -> np.ndarray:
    """The noise of each state [D], a share of its values where it grows with them.

    Args:
      prepared: what was searched.
      final: the search, whose misfit shows the noise.
      slow: the slow error beside the equations, which is none of it.
      kinds: True where the noise grows with the state [D].
    """
    white = np.sqrt(np.maximum(final.noise**2 - slow.size**2, 0.0))
    size = np.sqrt(np.mean(np.concatenate([s.measured for s in prepared.signals]) ** 2, 0))
    noise = np.where(kinds, white / size, white * prepared.units.states)
    unmeasured = np.all([s.noise == 0 for s in prepared.signals], 0)
    return np.where(unmeasured, 0.0, noise)


def _errors_of_used(
    prepared: Prepared, mask: np.ndarray, inner: Sequence[Inner], errors: np.ndarray
) -> np.ndarray | None:
    """Of the errors [P] of numbers those of numbers inside a support [D, M]; None for none."""
    used = inner_numbers(prepared.terms, np.any(mask, axis=0))
    of_place = {i.place: own for i, own in zip(inner, of_each(inner, errors), strict=True)}
    return np.concatenate([of_place[i.place] for i in used]) if used else None


def _what_is_missing(
    prepared: Prepared, followed: Sequence[np.ndarray], measured: tuple[str, ...]
) -> list[str]:
    """What may be missing from equations that are no equation of the recordings, in words."""
    left = [
        (part.states - path[:, : len(measured)]) / prepared.units.states[: len(measured)]
        for part, path in zip(prepared.parts, followed, strict=True)
    ]
    return [f"{each.what}; {each.step}" for each in diagnosis.reasons(prepared, left, measured)]


def standard_errors(
    found: Found, numbers: FittedNumbers = NOTHING_FITTED, lag: Late | SensorLag | None = None
) -> np.ndarray:
    """Standard errors of the coefficients of the best support, scaled [D, M].

    From the linearisation of the trajectories, in which the residuals' autocorrelation counts:
    n measurements of which m are independent widen an error by √(n / m). Where numbers p are fitted
    inside terms, the variance of a coefficient ξ is that at these p, and ∂ξ/∂p cov(p) ∂ξ/∂p; a
    delay of inputs or of sensors likewise.
    """
    mask = found.chosen.mask & found.problem.admissible
    problem, linear = found.problem, found.linearised
    support = problem.of_columns(mask)
    solution = regression.least_squares_numpy(linear.factor, linear.columns_of(support))
    variance = linear.split(np.diagonal(solution.covariance))[1].reshape(support.shape)
    variance = problem.of_terms(variance)
    if lag is not None:
        variance = variance + np.where(mask, lag.variance, 0.0)
    if numbers.inner:
        variance = variance + numbers.variance(mask)
    return np.abs(problem.spread(np.sqrt(variance))) * _widening(found)


def _effective(found: Found) -> Found:
    """The same, each state in units of the noise that widens its errors, where states differ."""
    chosen = found.chosen
    share = chosen.independent
    if np.all(share == share[0]):
        return found
    wide = chosen._replace(variance=chosen.variance / share, independent=np.ones(len(share)))
    near = neighbours.look_around(found.problem, found.segments, wide, found.samples)
    return found._replace(chosen=wide, linearised=near.tangent.linearised)


def _widening(found: Found) -> float:
    """What widens a standard error of the coefficients."""
    mask = found.chosen.mask & found.problem.admissible
    total, independent = found.samples.sum(), np.sum(found.samples * found.chosen.independent)
    return widening(total, independent, int(mask.sum()) + found.initial)


def widening(samples: float, independent: float, fitted: int) -> float:
    """What widens a standard error of independent residuals of known variance.

    Args:
      samples: number of measurements.
      independent: how many of them are independent.
      fitted: number of coefficients and initial values.
    """
    freedom = max(samples - fitted, 1)
    return float(np.sqrt(samples / max(independent, 1.0) * samples / freedom))
