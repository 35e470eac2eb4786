"""Laws of a person's own beside what was found."""

import dataclasses
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import verdict
from nsindy.discovery.laws import hidden_law, law_fit, law_start
from nsindy.discovery.laws.law_fit import LawFit, LawSystem
from nsindy.discovery.laws.law_text import Law
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.gauge import Motion
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates, discrepancy
from nsindy.discovery.supports.inclusion import only_probable
from nsindy.discovery.supports.search import Found
from nsindy.evidence.prior import log_prior
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery
from nsindy.result.tested import LawResult

__all__ = ["beaten", "compare"]

Right = Callable[[np.ndarray], np.ndarray]
"""Derivatives [D] from variables [V]."""


def compare(
    laws: Sequence[Law],
    prepared: Prepared,
    first: Found,
    final: Found,
    discovery: Discovery,
    *,
    slow: bool = False,
    motion: Motion | None = None,
) -> tuple[LawResult, ...]:
    """Fit laws to the recordings, as what was found was fitted.

    Numbers and initial values are fitted together by multiple shooting, from several starts, with
    the same weights and stretches, so the evidence is of the same measurements; where a slow error
    stands beside what was found, each is judged beside its own, and compared by all residuals. A
    law pays half the logarithm of the number of measurements for each number, as a coefficient
    does, and no price for its terms: they were not chosen among many.

    Args:
      laws: what a person asks about.
      prepared: what was searched.
      first: the search on the first part of each recording.
      final: the search on all samples.
      discovery: what was found.
      slow: True where a slow error stands beside it.
      motion: smoothed measurements, where a state was not measured.

    Returns:
      what was found, and then each law; nothing where there are no laws.
    """
    if not laws:
        return ()
    final, _ = only_probable(final)
    # A law may follow faster than what was found.
    first, final = map(_finely_solved, (first, final))
    reference = _beside_slow_error(final, discovery) if slow else float(discovery.score)
    found = LawResult(
        text="",
        names=(),
        values=(),
        errors=(),
        nats=0.0,
        price=_price(final, final.chosen.mask),
        r2=tuple(map(float, np.nan_to_num(np.asarray(discovery.simulation_r2), nan=-np.inf))),
        held_out=tuple(map(float, np.asarray(discovery.held_out.r2))),
    )
    each = [_tested(law, prepared, first, final, discovery, slow, motion) for law in laws]
    return (found, *(law._replace(nats=law.nats - reference) for law in each))


def beaten(discovery: Discovery, samples: float, price: float = 0.0) -> Discovery:
    """The same, headed as an approximation where a law that was asked about explains clearly more.

    More by likelihood: without what was found pays for the choice of its terms, and either for its
    numbers, since a law with fewer of them may be the same. So the search has missed the law. Where
    one explains as much, that is noted.

    Args:
      discovery: with the laws that were tested.
      samples: measured values.
      price: nats that what was found pays for numbers inside its terms.
    """
    found, *laws = discovery.laws
    best = max(laws, key=lambda law: law.nats)
    numbers = np.count_nonzero(discovery.coefficients) + len(discovery.parameters)
    of_numbers = 0.5 * np.log(samples) * (numbers - len(best.names))
    more = best.nats - found.price - price - of_numbers
    if abs(more) <= constants.STRONG:
        said = (
            f"{best.text} explains as much as what was found, which pays {found.price:.1f} nats "
            "for the choice of its terms: the two are the same, or the recording does not tell "
            "them apart"
        )
        return dataclasses.replace(discovery, notes=(*discovery.notes, said))
    if not more > 0:
        ahead = best.nats - found.price
        if not ahead > constants.STRONG:
            return discovery
        said = (
            f"{best.text} is likelier than what was found by {ahead:.1f} nats, also without what "
            "that pays for the choice of its terms: it explains nearly as much with fewer numbers"
        )
        return dataclasses.replace(discovery, warnings=(said, *discovery.warnings))
    said = (
        f"{best.text} explains more than what was found, by {more:.1f} nats of likelihood alone, "
        "without what either pays for its terms and numbers: the search has missed it"
    )
    name = "approximation" if discovery.verdict == "equation" else discovery.verdict
    return dataclasses.replace(discovery, verdict=name, warnings=(said, *discovery.warnings))


def _finely_solved(found: Found) -> Found:
    """The same with the most steps of the solver between samples."""
    steps = found.segments.substeps
    most = None if steps is None else jnp.full_like(steps, constants.SUBSTEPS[-1])
    return found._replace(segments=found.segments._replace(substeps=most))


def _beside_slow_error(final: Found, discovery: Discovery) -> float:
    """Evidence of what was found, of all residuals beside its slow error, nats."""
    problem, chosen = final.problem, final.chosen
    (path,) = candidates.solved(problem, [chosen.start], final.segments)
    beside = discrepancy.beside_slow_error(final, chosen, path.states)
    value = candidates.score(problem, beside.candidate, final.samples, initial=final.initial)
    # What its score lacks beyond that of the candidate is the price of a wave.
    return value - beside.price - (chosen.score - float(discovery.score))


def _tested(
    law: Law,
    prepared: Prepared,
    first: Found,
    final: Found,
    discovery: Discovery,
    slow: bool,
    motion: Motion | None,
) -> LawResult:
    """A law that was fitted; its nats are its whole evidence."""
    system, *steeper = law_fit.systems(law, discovery, prepared.units.variables)
    begins: list[np.ndarray] = []
    if motion is None:
        begun = [np.concatenate([s, system.start]) for s in _starts(system, prepared)]
    elif starts := hidden_law.hidden_starts(law, system.numpy, motion):
        starts = hidden_law.followed(starts, system.numpy, prepared)
        begun = [start.numbers for start in starts]
        _, first, _ = hidden_law.in_units(prepared, first, starts)
        prepared, final, begins = hidden_law.in_units(prepared, final, starts)
    else:
        begun = []
    every = None
    if begun:
        every = law_fit.fit_law(system, prepared, final, begun, begins=begins, slow=slow)
    for other in steeper:
        if every is None:
            break
        begun, begins = [*begun, every.parameters], begins and [*begins, every.begin]
        again = law_fit.fit_law(other, prepared, final, begun, begins=begins, slow=slow)
        if again is not None and again.score > every.score:
            system, every = other, again
    nothing = tuple([float("nan")] * len(law.numbers))
    measured = len(discovery.measured)
    lost = tuple([float("-inf")] * measured)
    if every is None:
        return LawResult(law.text, law.numbers, nothing, nothing, float("-inf"), 0.0, lost, lost)
    part = law_fit.fit_law(
        system,
        prepared,
        first,
        [every.parameters, *begun],
        begins=[every.begin, *begins] if begins else (),
        slow=slow,
    )
    size, units = len(law.numbers), prepared.units
    at_starts = every.begin[prepared.first_segments]

    def solved(fitted):
        return lambda variables: system.numpy(variables, fitted.parameters)

    return LawResult(
        text=law.text,
        names=law.numbers,
        values=tuple(map(float, every.parameters[:size])),
        errors=tuple(map(float, law_fit.parameter_errors(system, prepared, final, every)[:size])),
        nats=every.score,
        price=_price(final, system.mask),
        r2=_one_simulation(prepared, solved(every), at_starts * units.states),
        held_out=lost if part is None else _forecast(prepared, solved(part), part),
    )


def _price(found: Found, mask: np.ndarray) -> float:
    """Nats that the choice of terms costs before any data is seen."""
    prior, chosen = found.problem.prior, mask & found.problem.admissible
    return float(log_prior(np.zeros_like(chosen), prior) - log_prior(chosen, prior))


def _starts(system: LawSystem, prepared: Prepared) -> list[np.ndarray]:
    """Values of the numbers of a law, by its smoothed derivatives; best first.

    Where samples are too coarse for these, by the steps between samples as well.
    """
    law, units = system.law, prepared.units
    size = len(law.numbers)
    # Where a state was not measured for long its spline guesses.
    states, slopes, inputs = (
        np.concatenate([getattr(s, name)[s.near] for s in prepared.signals])
        for name in ("states", "derivatives", "inputs")
    )
    thinned = slice(None, None, -(-len(states) // constants.LAW_SAMPLES))
    variables = (np.hstack([states, inputs]) * units.variables)[thinned].T
    derivatives = (slopes * units.states / units.time)[thinned].T
    rows = sorted(law.rows)
    if not size:
        return [np.zeros(0)]
    fixed = system.start
    groups = law_start.linear_groups([law.rows[d] for d in rows], law.numbers)
    linear = [np.isin(law.numbers, names) for names in groups]

    def right(variables, numbers):
        return system.numpy(variables, np.concatenate([numbers, fixed]))[rows]

    starts = law_start.number_starts(right, variables, derivatives[rows], linear)
    if prepared.order == 1 and all(s.coarse for s in prepared.signals):
        middles, rates = _between_samples(prepared)
        starts += law_start.number_starts(right, middles, rates[rows], linear)
    return starts


def _between_samples(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """The variables half way between samples [V, N], and how the states change there [D, N]."""
    units = prepared.units
    middles, rates = [], []
    for s in prepared.signals:
        variables = np.hstack([s.measured, s.inputs])
        middles.append((variables[1:] + variables[:-1]) / 2)
        rates.append(np.diff(s.measured, axis=0) / np.diff(s.times)[:, None])
    raw = np.concatenate(middles) * units.variables
    return raw.T, (np.concatenate(rates) * units.states / units.time).T


def _one_simulation(prepared: Prepared, right: Right, initial: np.ndarray) -> tuple[float, ...]:
    """R² of each measured state, of solutions from the first sample of each recording to its last.

    Args:
      prepared: the recordings.
      right: the equations.
      initial: state at the first sample of each recording [R, D].
    """
    solved = along_recording.solve_each(
        right,
        initial,
        [part.times for part in prepared.parts],
        [part.inputs for part in prepared.parts],
        scale=prepared.units.states,
        held=prepared.signals[0].held,
    )
    measured = [part.states for part in prepared.parts]
    return _explained(list(zip(measured, solved, strict=True)))


def _forecast(prepared: Prepared, right: Right, fitted: LawFit) -> tuple[float, ...]:
    """R² of each measured state in the last fifth of each recording, by a fit to the others."""
    pairs, begun = [], 0
    for part, signal in zip(prepared.parts, prepared.signals, strict=True):
        count, length = len(part.times), prepared.length
        limit = signals.fitted_samples(count)
        segment = (limit - 1) // length
        at = segment * length
        state = fitted.begin[begun + segment] * prepared.units.states
        solved = along_recording.solve_along(
            right,
            state,
            part.times[at:],
            part.inputs[at:],
            scale=prepared.units.states,
            held=signal.held,
        )
        pairs.append((part.states[limit:], solved[limit - at :]))
        begun += -(-(count - 1) // length)
    return _explained(pairs)


def _explained(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    """R² of states y where they were measured, and solutions x of more states; -inf if one is lost.

    1 - Σ (y - x)² / Σ (y - mean y)²
    """
    left, total, _ = verdict.misfit_of(pairs)
    r2 = 1 - left / np.where(total > 0, total, np.nan)
    return tuple(map(float, np.nan_to_num(r2, nan=-np.inf)))
