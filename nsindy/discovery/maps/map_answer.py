"""A map that was chosen becomes a `Discovery`."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.maps.map_numbers import NumberedMap
from nsindy.discovery.maps.map_regression import row_pairs
from nsindy.discovery.maps.map_rows import unbroken_rows
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.candidates import Candidate
from nsindy.recording.check import Recordings
from nsindy.result.discovery import Discovery
from nsindy.result.tested import HeldOut
from nsindy.terms.numbered import inner_numbers

__all__ = ["ChosenMap", "changed_by_part", "conclude_map", "unexplained_rows", "verdict_of_map"]


class ChosenMap(NamedTuple):
    """What is reported of a map, scaled.

    Attributes:
      best: the model.
      first: that of the first four fifths.
      errors: standard errors [D, M].
      probabilities: of the terms [D, M].
      noise: root mean square of what is left [D].
      forecasts: of the last fifth of each recording, rows [N, D].
      pool: other models, best first.
      notes: in words.
      warnings: in words.
      verdict: as a `Discovery` has it.
    """

    best: Candidate
    first: Candidate
    errors: np.ndarray
    probabilities: np.ndarray
    noise: np.ndarray
    forecasts: list[np.ndarray]
    pool: list[Candidate]
    notes: tuple[str, ...]
    warnings: list[str]
    verdict: str


def _explained(prepared: Prepared, variance: np.ndarray) -> np.ndarray:
    """Share of the variance of each state that the rows before explain [D]."""
    _, targets = row_pairs(prepared, 1.0)
    return 1 - variance / np.var(targets, axis=0)


def unexplained_rows(prepared: Prepared, variance: np.ndarray, words: Wording) -> list[str]:
    """Say of which states the rows before explain little.

    Args:
      prepared: the problem of the map.
      variance: of what it leaves of each row, scaled [D].
      words: for the names of the states.
    """
    return [
        f"a row explains {100 * max(share, 0):.0f} % of the next in {name}: "
        "a state, an influence or an earlier row is missing"
        for name, share in zip(words.states, _explained(prepared, variance), strict=True)
        if share < constants.MAP_EXPLAINED
    ]


def verdict_of_map(
    prepared: Prepared, mask: np.ndarray, variance: np.ndarray, *, doubtful: bool = False
) -> str:
    """What is left of a row may be noise, but where it is most of the row, something is missing.

    Args:
      prepared: the problem of the map.
      mask: the support [D, M].
      variance: of what it leaves of each row, scaled [D].
      doubtful: True where terms are unclear, or no single solution follows the rows.

    Returns:
      "equation", "approximation" or "none".
    """
    moving = [term.primitive.name != "one" for term in prepared.terms]
    if not mask[:, moving].any():
        return "none"
    missing = _explained(prepared, variance) < constants.MAP_EXPLAINED
    return "approximation" if doubtful or missing.any() else "equation"


def changed_by_part(best: Candidate, first: Candidate, words: Wording) -> list[str]:
    """Say what the model of the first four fifths has that the best has not; nothing if neither."""
    if (best.mask == first.mask).all():
        return []
    return [f"the first four fifths alone give another model: {words.difference(best, first)}"]


def _begins(prepared: Prepared, recordings: Recordings, *, segmented: bool) -> np.ndarray:
    """Where the recordings begin, among their pieces or the segments of these."""
    pieces = [len(unbroken_rows(part)) for part in recordings.parts]
    firsts = np.cumsum([0, *pieces[:-1]]).clip(max=len(prepared.signals) - 1)
    if not segmented:
        return firsts
    lengths = [-(-(len(s.times) - 1) // prepared.length) for s in prepared.signals]
    return np.cumsum([0, *lengths[:-1]])[firsts]


def conclude_map(
    prepared: Prepared,
    recordings: Recordings,
    chosen: ChosenMap,
    words: Wording,
    numbers: NumberedMap,
) -> Discovery:
    """Put the result together.

    Args:
      prepared: what was searched, with numbers inside terms.
      recordings: as they were read.
      chosen: the map, scaled.
      words: for its terms.
      numbers: that were fitted inside terms.
    """
    units, best = prepared.units, chosen.best
    truths = [s.measured[signals.fitted_samples(len(s.times)) :] for s in prepared.signals]
    wrong = np.concatenate(chosen.forecasts) - np.concatenate(truths)
    around = np.concatenate([truth - truth.mean(0) for truth in truths])
    with np.errstate(all="ignore"):
        squares, spread = np.mean(wrong**2, 0), np.mean(around**2, 0)
        r2 = 1 - squares / np.where(spread > 0, spread, np.nan)
    begins = _begins(prepared, recordings, segmented=len(best.begin) > len(prepared.signals))
    initial = best.begin[begins] * units.states
    doubtful = [
        f"{words.names[m]} in {words.left[d]} is doubtful "
        f"(inclusion probability {chosen.probabilities[d, m]:.2f})"
        for d, m in np.argwhere(best.mask & (chosen.probabilities < constants.SURE))
    ]
    used = inner_numbers(prepared.terms, np.any(best.mask, axis=0))
    errors = {i.place: e for i, e in zip(numbers.inner, numbers.errors, strict=True)}
    fitted = words.numbers(best.mask, numbers.inner, np.array(numbers.errors))
    gaps = []
    if len(prepared.signals) > len(recordings.parts):
        gaps.append("where a row lacks, a new stretch begins: the next row does not follow")
    return Discovery(
        coefficients=best.coefficients * prepared.back,
        standard_errors=np.where(best.mask, np.hypot(chosen.errors, numbers.spread), 0.0)
        * prepared.back,
        inclusion_probabilities=chosen.probabilities,
        noise=chosen.noise * units.states,
        score=np.asarray(best.score - numbers.price),
        initial=initial,
        held_out=HeldOut(
            chosen.first.coefficients * prepared.back,
            chosen.first.begin[begins] * units.states,
            np.nan_to_num(np.sqrt(squares) * units.states, nan=np.inf),
            np.nan_to_num(r2, nan=-np.inf),
        ),
        library=prepared.terms,
        states=recordings.states,
        inputs=recordings.inputs,
        map=True,
        noise_kind=("constant",) * len(recordings.states),
        verdict=chosen.verdict,
        equivalent_models=words.equivalents(best),
        runner_up=words.runners_up(best, chosen.pool),
        collinear=words.near_duplicates(best),
        number_errors=np.array([errors[i.place] for i in used]) if used else None,
        notes=(*recordings.notes, *gaps, *fitted, *chosen.notes),
        warnings=(*chosen.warnings, *doubtful),
    )
