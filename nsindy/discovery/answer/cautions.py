"""Reasons for caution, in words."""

from collections.abc import Iterator, Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer.verdict import Verdict
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.preparation import dictionary, segmentation, signals
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.inclusion import Unclear
from nsindy.discovery.supports.search import Found
from nsindy.result.discovery import Discovery
from nsindy.terms import text
from nsindy.terms.numbered import inner_of

__all__ = [
    "STOPPED",
    "UNSETTLED",
    "conserved",
    "of_the_search",
    "of_the_unclear",
    "runs_apart",
    "warnings",
]

UNSETTLED = "the search ended before it settled; another start may find a better model"
"""Warning of a search that found something better in its last round; `STOPPED` says more."""

STOPPED = "the search ended before it was done; more time (--seconds) may find a better model"
"""Warning of a discovery that was ended from outside."""


def warnings(
    prepared: Prepared,
    first: Found,
    final: Found,
    discovery: Discovery,
    words: Wording,
    verdict: Verdict,
    unclear: Sequence[Unclear],
) -> list[str]:
    """What a person should know before using the equations.

    Args:
      prepared: what was searched.
      first: the search on the first part of each recording.
      final: the search on all samples.
      discovery: the result.
      words: for its terms.
      verdict: how the equations stand to the recordings.
      unclear: terms of which nobody can tell whether they are these or others.
    """
    return [
        *_of_the_verdict(final, discovery, words, verdict, unclear),
        *_of_the_library(prepared),
        *of_the_search(prepared, final),
        *_of_the_residuals(prepared, final, discovery, verdict),
        *_of_the_states(prepared, final, discovery),
        *_of_the_terms(first, final, discovery, words),
        *_of_the_forecast(prepared, final, discovery),
        *_of_the_inputs(discovery),
        *_of_the_hidden(discovery),
    ]


def _of_the_library(prepared: Prepared) -> Iterator[str]:
    problem, size = prepared.problem, len(prepared.units.variables)
    states, terms = len(prepared.units.states), len(prepared.terms)
    rows = np.asarray(problem.terms.rows)[:terms]
    degree = int(np.sum(rows < size, 1).max())
    if problem.wide:
        further = " and further operations" if problem.terms.atoms else ""
        yield (
            f"with {states} states the library has {terms} terms, products of up to {degree} "
            f"variables{further}, of which regressions chose {problem.columns.shape[1]} for each "
            "equation"
        )
    elif degree == 1 and dictionary.too_many(size):
        yield f"with {states} states the library has no products: there are too many"


def of_the_unclear(words: Wording, unclear: Sequence[Unclear]) -> Iterator[str]:
    """Terms of which nobody can tell whether they are these or others."""
    for place in unclear:
        left, name = words.left[place.equation], words.names[place.term]
        others = " or ".join(words.names[m] for m in place.others)
        if place.kept:
            other = others or "another"
            yield f"{name} in {left} may as well be {other}: the recording cannot tell"
        else:
            yield (
                f"a further term is missing in {left}, and the recording cannot tell which: "
                f"{name}{' or ' if others else ''}{others}"
            )


def _of_the_verdict(
    final: Found,
    discovery: Discovery,
    words: Wording,
    verdict: Verdict,
    unclear: Sequence[Unclear],
) -> Iterator[str]:
    if verdict.name == "none" and not verdict.unexplained:
        yield (
            f"{' and '.join(discovery.measured)} change by no more than what looks like noise from "
            "sample to sample: no equation can be told from a constant"
        )
    for d in verdict.unexplained:
        may = verdict.name == "none" and discovery.order == 1 and not discovery.hidden
        hint = "; a state that was not measured may, try --hidden 1" if may else ""
        yield f"no term of the library explains how {discovery.measured[d]} changes{hint}"
    terms = np.count_nonzero(discovery.coefficients, axis=1)
    long = [d for d in verdict.structured if terms[discovery.rows[d]] >= constants.MANY_TERMS]
    outside = sorted({*verdict.unexplained, *long})
    if verdict.name == "approximation" and 0 < len(outside) < len(discovery.measured):
        names = " and ".join(discovery.measured[d] for d in outside)
        yield (
            f"if {names} {'acts' if len(outside) == 1 else 'act'} on the others from outside, as "
            "the weather or what is set by hand, --inputs says so"
        )
    yield from of_the_unclear(words, unclear)
    assert discovery.slow_error is not None and discovery.slow_memory is not None
    spread = np.nanstd(np.concatenate([part.states for part in words.prepared.parts]), 0)
    for d, state in enumerate(discovery.measured):
        size, memory = float(discovery.slow_error[d]), float(discovery.slow_memory[d])
        if size > 0 and d not in verdict.unexplained:
            yield (
                f"{state} differs from the equations by a slow error of {text.number(size, size)}, "
                f"{size / spread[d]:.1%} of its standard deviation, which lasts about "
                f"{text.number(memory, memory)} in units of the times: something of that size is "
                "missing from them, or noise drives the system itself; all errors count it"
            )
    if verdict.name == "equation" and runs_apart(words.prepared, final):
        # Along chaos no simulation stays near a recording, and another warning says so.
        return
    assert discovery.simulation_r2 is not None
    for state, r2 in zip(discovery.measured, discovery.simulation_r2, strict=True):
        if r2 < 0:
            yield (
                f"one simulation of the whole recording follows {state} worse than its mean does "
                f"(R² {text.shares([r2])})"
            )


def of_the_search(prepared: Prepared, final: Found) -> Iterator[str]:
    """What a search itself says of its choice."""
    if not final.settled:
        yield UNSETTLED
    if final.chosen.gap > 1:
        yield (
            "the fitted solution has jumps: no single solution of these equations follows the "
            "recording, so the equations describe it only piece by piece"
        )
    if runs_apart(prepared, final):
        yield (
            f"an error in the state grows too much along the recording for one solution, so it is "
            f"fitted in {final.stretches} stretches, each with its own initial state; "
            "one simulation of the whole leaves the recording in time, and a forecast far beyond "
            "the length of one is not to be trusted"
        )


def runs_apart(prepared: Prepared, final: Found) -> bool:
    """Whether an error in the state grows more than a hundredfold, as along chaos.

    Without noise recordings are cut wherever it has grown fourfold.
    """
    each = constants.GROWTH_NOISELESS if signals.noiseless(prepared.signals) else constants.GROWTH
    begun = segmentation.stretches_begun(prepared.signals)
    return bool(final.stretches > begun * np.log(constants.GROWTH) / np.log(each))


def _of_the_residuals(
    prepared: Prepared, final: Found, discovery: Discovery, verdict: Verdict
) -> Iterator[str]:
    smooth, floor = signals.noise(prepared.signals), prepared.problem.floor
    for d, state in enumerate(discovery.measured):
        level = max(smooth[d], floor[d])
        if smooth[d] > 0 and final.noise[d] > constants.MISSED_WARNING * level:
            spread = np.concatenate([s.measured[:, d] for s in prepared.signals]).std()
            share = f"{final.noise[d] / spread:.2%} of its standard deviation"
            times = f", {final.noise[d] / smooth[d]:.1f} times its noise"
            often = final.noise[d] < constants.MISSED_TIMES * smooth[d]
            yield (
                f"{state} is missed by {share}{times if often else ''}: "
                "a term or an influence is missing"
            )
        if d in verdict.structured:
            yield f"what is left of {state} is not noise: it has structure in time"


def _of_the_states(prepared: Prepared, final: Found, discovery: Discovery) -> Iterator[str]:
    # Where a state was not measured its spline stands in.
    measured = np.concatenate([s.measured for s in prepared.signals])
    every = (measured * prepared.units.states)[:, : len(discovery.measured)]
    noise = final.noise * prepared.units.states
    for weights in conserved(every, noise[: every.shape[1]]):
        pairs = zip(weights, discovery.measured, strict=True)
        combination = text.summed(f"{text.number(w)} {name}" for w, name in pairs if w)
        yield (
            f"{combination} does not change beyond its noise, so terms of these states stand for "
            "one another and only the price of terms decides; another initial state would tell"
        )


def _of_the_terms(
    first: Found, final: Found, discovery: Discovery, words: Wording
) -> Iterator[str]:
    best, probability = final.chosen, discovery.inclusion_probabilities
    doubtful = best.mask & (probability < constants.SURE) & final.problem.admissible
    for d, m in np.argwhere(doubtful):
        yield (
            f"{words.names[m]} in {discovery.states[d]}' is doubtful "
            f"(inclusion probability {probability[d, m]:.2f})"
        )
    # A NaN stands for what was given, or is not known.
    vague = np.abs(discovery.coefficients) < np.nan_to_num(discovery.standard_errors)
    for d, m in np.argwhere(vague & best.mask & ~doubtful):
        why = "it may be 0"
        if inner_of(words.prepared.terms[m]) is not None:
            why = (
                "it is known only together with the number inside the term, for which another "
                "function may stand"
            )
        yield (
            f"the coefficient of {words.names[m]} in {discovery.states[d]}' is smaller than its "
            f"error: {why}"
        )
    if (first.chosen.mask != best.mask).any():
        difference = words.difference(best, first.chosen)
        yield f"the first four fifths alone give another model: {difference}"


def _of_the_hidden(discovery: Discovery) -> Iterator[str]:
    """A hidden state that stays as it is stands for a constant."""
    for name in discovery.hidden:
        if np.any(discovery.coefficients[discovery.states.index(name)]):
            continue
        if discovery.verdict == "equation":
            why = "the recording needs no hidden state; search without --hidden"
        else:
            why = "what changes it was not found; record longer, or with smaller steps"
        yield f"{name} does not change in what was found, so it stands for a constant: {why}"


def _of_the_inputs(discovery: Discovery) -> Iterator[str]:
    """Inputs that act nowhere, though a person gave them."""
    used = (np.asarray(discovery.coefficients) != 0).any(0).tolist()
    terms = [term for term, here in zip(discovery.library, used, strict=True) if here]
    for place, name in enumerate(discovery.inputs, len(discovery.states)):
        if not any(holds(term, place) for term in terms):
            yield f"{name} is in no equation: the recording does not show that it acts"


def _of_the_forecast(prepared: Prepared, final: Found, discovery: Discovery) -> Iterator[str]:
    """Where the first four fifths do not lead to the last; that of chaos is lost anyway."""
    if final.stretches > segmentation.stretches_begun(prepared.signals):
        return
    forecast, noise = discovery.held_out, final.noise * prepared.units.states
    for state, r2, rmse, level in zip(
        discovery.measured, forecast.r2, forecast.rmse, noise, strict=False
    ):
        if r2 < 0 and rmse > constants.MISSED * level:
            yield (
                f"a forecast of the last fifth, by a fit to the first four, follows {state} worse "
                f"than its mean does (R² {text.shares([r2])})"
            )


def conserved(states: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
    """Linear combinations of states that do not change along a recording, beyond their noise.

    In units of the noise such a combination of length 1 has the variance 1, with a standard error
    of √(2 / N). States that hardly change beyond their noise are in none.

    Args:
      states: measured [N, D].
      noise: standard deviation of each state [D].

    Returns:
      coefficients [D] of each, the largest share's being 1; 0 for states of little share in it, if
      without them it changes no more.

    Reference: Anderson (1963), Annals of Mathematical Statistics 34, for the distribution.
    """
    moving = np.flatnonzero(np.std(states, 0) > constants.MOVING * noise)
    if len(moving) < 2:
        return []
    noise, size = noise[moving], states.shape[1]
    scaled = (states[:, moving] - states[:, moving].mean(0)) / noise
    covariance = scaled.T @ scaled / max(len(scaled) - 1, 1)
    values, directions = np.linalg.eigh(covariance)
    combinations, most = [], 1 + 3 * np.sqrt(2 / len(scaled))
    for value, direction in zip(values, directions.T, strict=True):
        share = np.abs(direction) * np.std(scaled, 0)
        counts = share > 0.1 * share.max()
        if value < most and counts.sum() > 1:
            few = np.where(counts, direction, 0.0)
            still = few @ covariance @ few < most * (few @ few)
            weights = np.zeros(size)
            weights[moving] = (few if still else direction) / noise
            combinations.append(weights / weights[moving[np.argmax(share)]])
    return combinations
