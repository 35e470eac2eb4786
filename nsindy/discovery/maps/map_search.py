"""Maps: x[n+1] = f(x[n], u[n]), each row of a recording from the one before.

Two kinds of noise are told apart by their likelihood. Where the system itself is noisy, or nothing
is, what is left of each row is new, and the equations are regressions of a row on the one before.
Where the measurement is noisy, both rows of such a pair err, and the regression is biased; then the
map is iterated along short stretches, as flows are solved (Bock 1983), and fitted to them.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import conclusion, wording
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.maps.map_numbers import NumberedMap, with_numbers
from nsindy.discovery.maps.map_regression import (
    MapFit,
    regress_map,
    row_pairs,
    unclear_terms,
    with_noise,
)
from nsindy.discovery.preparation import building, segmentation, signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.discovery.supports import candidates, proposals
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.inclusion import inclusion_probabilities, only_probable
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.evidence import regression
from nsindy.recording.check import Recording, Recordings
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery, HeldOut
from nsindy.terms import text
from nsindy.terms.numbered import inner_numbers

__all__ = ["discover_map", "rows_of_map", "suggestion"]


FEWEST = 5
"""Rows of a stretch without a gap, so that one at least is held out."""


class _Chosen(NamedTuple):
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


def discover_map(session: Session, recordings: Recordings) -> Discovery:
    """Find the map behind recordings whose rows are steps.

    Args:
      session: with the recordings as `rows_of_map` makes them ready.
      recordings: as they were read.

    Raises:
      ValueError: an operation is unknown or not unary.
    """
    prepared = _prepared(session, _units(session.parts))
    session.tell("selecting on all samples", 0.0)
    found = NumberedMap(prepared, regress_map(prepared, 1.0))
    if not session.stop():
        found = with_numbers(*found[:2], lambda units: _prepared(session, units))
    prepared, whole = found.prepared, found.fit
    words = Wording(prepared, (*recordings.states, *recordings.inputs), recordings.states, map=True)
    seen = whole.variance > 2 * prepared.problem.floor**2
    chosen = None
    if seen.any() and not session.stop():
        chosen = _by_iteration(session, prepared, whole, words)
    if chosen is None:
        chosen = _by_regression(prepared, whole, words)
    return _conclude(prepared, recordings, chosen, words, found)


def suggestion(session: Session, recordings: Recordings, left: np.ndarray) -> list[str]:
    """Say that a map fits where the equations of a flow do not.

    A smooth recording is nearly a map as well, so a map must also be much better than the straight
    line through the last two rows, and than the last row itself.

    Args:
      session: of the search for a flow.
      recordings: as they were read.
      left: share of the variance of each state that the flow leaves unexplained [D].
    """
    limit = constants.MAP_BETTER
    if session.question.order != 1 or (left < limit).any():
        return []
    if any(_pieces(part) == [] or not _even(part) for part in recordings.parts):
        return []
    rows, made = rows_of_map(recordings.parts)
    session = dataclasses.replace(session, parts=rows, signals=made)
    prepared = _prepared(session, _units(rows))
    fit = regress_map(prepared, 1.0)
    size = np.var(row_pairs(prepared, 1.0)[1], axis=0)
    unexplained = fit.variance / size
    smooth = [
        np.mean(np.concatenate([np.diff(s.measured, order, axis=0) for s in made]) ** 2, 0) / size
        for order in (1, 2)
    ]
    least = np.min([left, *smooth], axis=0)
    if not ((unexplained < limit * least) & (unexplained < limit**2)).all():
        return []
    terms = [text.readable(t, (*recordings.states, *recordings.inputs)) for t in prepared.terms]
    errors = fit.errors * prepared.back
    lines = text.equations(
        fit.coefficients * prepared.back, terms, recordings.states, precision=None, errors=errors,
        map=True,
    )  # fmt: skip
    share = 100 * (1 - float(np.max(unexplained)))
    word = "more than 99.9" if share > 99.9 else f"{share:.1f}"
    return [
        f"as a map, each row from the one before, {'; '.join(lines)} explains {word} %: "
        "try --map, map=True in Python"
    ]


def _even(part: Recording) -> bool:
    steps = np.diff(part.times)
    return bool(np.ptp(steps) < 0.01 * np.median(steps))


def rows_of_map(parts: Sequence[Recording]) -> tuple[list[Recording], list[Signal]]:
    """Recordings whose times are the numbers of their rows, and the same scaled, nothing smoothed.

    Of a longer recording the first `constants.MOST_SAMPLES` rows are taken: rows of a map cannot be
    averaged. Where a row lacks, a new recording begins.

    Raises:
      ValueError: no stretch without a gap has `FEWEST` rows.
    """
    rows = [piece for part in parts for piece in _pieces(part)]
    if not rows:
        raise ValueError(
            f"no {FEWEST} rows follow one another without a gap in their times; fill in the rows "
            "that lack, or leave the times out"
        )
    units = _units(rows)
    return rows, [_signal(part, units) for part in rows]


def _pieces(part: Recording) -> list[Recording]:
    """A recording, cut where a row lacks, or a value of it."""
    most = constants.MOST_SAMPLES
    usual = np.median(np.diff(part.times[:most]))
    whole = np.isfinite(np.concatenate([part.states, part.inputs], 1)).all(1)[:most]
    kept = [values[:most][whole] for values in part]
    cuts = np.flatnonzero(np.diff(kept[0]) > 1.5 * usual) + 1
    pieces = zip(*(np.split(values, cuts) for values in kept), strict=True)
    return [
        Recording(np.arange(float(len(times))), states, inputs)
        for times, states, inputs in pieces
        if len(times) >= FEWEST
    ]


def _units(parts: Sequence[Recording]) -> Units:
    states, inputs = (
        np.max([np.max(np.abs(getattr(p, name)), 0) for p in parts], 0)
        for name in ("states", "inputs")
    )
    inputs = np.where(inputs > 0, inputs, 1.0)
    return Units(states, inputs, 1.0)


def _signal(part: Recording, units: Units) -> Signal:
    states, inputs = part.states / units.states, part.inputs / units.inputs
    count = states.shape[1]
    # The last row has none that follows; it stands for itself, and `row_pairs` leaves it out.
    return Signal(
        times=part.times,
        states=states,
        derivatives=np.concatenate([states[1:], states[-1:]]),
        measured=states,
        seen=np.ones(states.shape, bool),
        near=np.ones(len(states), bool),
        relative=np.ones(states.shape),
        inputs=inputs,
        before=inputs,
        noise=np.full(count, constants.NOISE_FLOOR),
        proportional=np.zeros(count, bool),
        resolved=np.ones(count, bool),
        freedom=float(len(states) - 1),
    )


def _prepared(session: Session, units: Units) -> Prepared:
    """The problem of a map, whose regression is that of `row_pairs`."""
    made = building.prepare(session.parts, session.signals, units, session.question, substeps=None)
    factor = regression.compress(*row_pairs(made, 1.0))
    return _regressed_on(made, factor)


def _regressed_on(prepared: Prepared, factor: np.ndarray) -> Prepared:
    problem = prepared.problem._replace(factor=factor, integrals=factor)
    return prepared._replace(problem=problem)


def _by_regression(prepared: Prepared, whole: MapFit, words: Wording) -> _Chosen:
    """Report the regression: the forecast is of each row from the one before."""
    part = regress_map(prepared, 1 - constants.HELD_OUT)
    best, first = (_candidate(prepared, fit) for fit in (whole, part))
    forecasts, place = [], 0
    for s in prepared.signals:
        limit = signals.fitted_samples(len(s.times))
        theta = prepared.theta[place + limit - 1 : place + len(s.times) - 1]
        forecasts.append(theta @ part.coefficients.T)
        place += len(s.times)
    pool = []
    for d, others in enumerate(whole.others):
        for mask, score in others[:3]:
            other = np.where(np.arange(len(whole.mask))[:, None] == d, mask, whole.mask)
            value = best.score + score - whole.score[d]
            pool.append(best._replace(mask=other, score=value))
    unclear = unclear_terms(whole)
    notes: tuple[str, ...] = ()
    if (whole.variance > 2 * prepared.problem.floor**2).any():
        notes = (
            "what is left of each row is taken as noise of the system itself, which the next row "
            "follows; the forecast is of each row from the one before",
        )
    return _Chosen(
        best,
        first,
        whole.errors,
        whole.probabilities,
        np.sqrt(whole.variance),
        forecasts,
        sorted([best, *pool], key=lambda c: -c.score),
        notes,
        [
            *wording.of_the_unclear(words, unclear),
            *_unexplained(prepared, whole.variance, words),
            *_changed(best, first, words),
        ],
        _verdict(prepared, whole.mask, whole.variance, doubtful=bool(unclear)),
    )


def _candidate(prepared: Prepared, fit: MapFit) -> Candidate:
    begin = np.stack([s.measured[0] for s in prepared.signals])
    one = np.ones(len(fit.mask))
    score = float(fit.score.sum())
    return Candidate(fit.mask, fit.coefficients, begin, fit.variance, fit.variance, one, 0.0, score)


def _explained(prepared: Prepared, variance: np.ndarray) -> np.ndarray:
    """Share of the variance of each state that the rows before explain [D]."""
    _, targets = row_pairs(prepared, 1.0)
    return 1 - variance / np.var(targets, axis=0)


def _unexplained(prepared: Prepared, variance: np.ndarray, words: Wording) -> list[str]:
    return [
        f"a row explains {100 * max(share, 0):.0f} % of the next in {name}: "
        "a state, an influence or an earlier row is missing"
        for name, share in zip(words.states, _explained(prepared, variance), strict=True)
        if share < constants.MAP_EXPLAINED
    ]


def _verdict(
    prepared: Prepared, mask: np.ndarray, variance: np.ndarray, *, doubtful: bool = False
) -> str:
    """What is left of a row may be noise, but where it is most of the row, something is missing."""
    moving = [term.primitive.name != "one" for term in prepared.terms]
    if not mask[:, moving].any():
        return "none"
    missing = _explained(prepared, variance) < constants.MAP_EXPLAINED
    return "approximation" if doubtful or missing.any() else "equation"


def _changed(best: Candidate, first: Candidate, words: Wording) -> list[str]:
    if (best.mask == first.mask).all():
        return []
    return [f"the first four fifths alone give another model: {words.difference(best, first)}"]


def _by_iteration(
    session: Session, prepared: Prepared, whole: MapFit, words: Wording
) -> _Chosen | None:
    """Fit the map to what it becomes over many rows; None where the regression is likelier."""
    session = dataclasses.replace(session, signals=with_noise(prepared, whole))
    built = session.build(prepared.units, None)
    built = _regressed_on(built, prepared.problem.factor)
    starts = [candidates.regressed(built.problem, whole.mask), *proposals.proposals(built)]
    part, stage = 1 - constants.HELD_OUT, "selecting on the first four fifths"
    session.tell(stage, 0.0)
    first = session.search(built, starts, share=part, stage=stage, guides=constants.GUIDES)
    stage = "selecting on all samples"
    session.tell(stage, 0.0)
    # Rows that the first search did not count were iterated to, farther than a chaotic map allows.
    starts = [one._replace(begin=built.problem.begin) for one in first.starts()]
    final = session.search(built, starts, share=1.0, stage=stage, guides=1)
    rows = sum(len(s.times) for s in built.signals)
    if final.stretches * constants.MAP_ROWS > rows:
        # Where nearly every row begins anew, nothing is iterated.
        return None
    if _evidence(final, len(built.signals)) <= whole.score.sum():
        return None
    final, unclear = only_probable(final)
    errors = conclusion.standard_errors(final)
    variance, doubtful = final.noise**2, bool(unclear) or final.chosen.gap > 1
    said = [
        *wording.of_the_unclear(words, unclear),
        *wording.of_the_search(built, final),
        *_unexplained(built, variance, words),
    ]
    return _Chosen(
        final.chosen,
        first.chosen,
        np.where(final.chosen.mask, errors, 0.0),
        np.clip(inclusion_probabilities(final, unclear), 0, 1),
        final.noise,
        _iterated(built, first),
        final.pool,
        ("what is left is taken as noise of the measurement; the forecast is iterated",),
        [*said, *_changed(final.chosen, first.chosen, words)],
        _verdict(built, final.chosen.mask, variance, doubtful=doubtful),
    )


def _evidence(found: Found, recordings: int) -> float:
    """Nats of an iterated map, of the same rows as a regression: all but the first of each.

    What the initial states of its stretches explain, it does not.
    """
    best, total = found.chosen, found.samples.sum()
    initial = len(best.mask) * found.stretches
    variance = np.maximum(best.innovation, found.problem.floor**2)
    first = 0.5 * recordings * float(np.sum(np.log(variance)))
    freedom = max(total - initial, 1.0)
    return best.score + first - 0.5 * total * float(np.log(total / freedom))


def _iterated(prepared: Prepared, first: Found) -> list[np.ndarray]:
    """The last fifth of each recording, iterated from the state that the fit ends with."""
    (path,) = candidates.solved(first.problem, [first.chosen.start], first.segments)
    followed = segmentation.nodes(prepared.signals, path.states)
    coefficients = first.chosen.coefficients * prepared.back
    right = along_recording.right_hand_side(prepared.terms, coefficients)
    size = prepared.units.states
    forecasts = []
    for s, part, nodes in zip(prepared.signals, prepared.parts, followed, strict=True):
        limit = signals.fitted_samples(len(s.times))
        now, rows = nodes[limit - 1] * size, []
        for u in part.inputs[limit - 1 : -1]:
            with np.errstate(all="ignore"):
                now = right(np.concatenate([now, u]))
            rows.append(now / size)
        forecasts.append(np.array(rows))
    return forecasts


def _begins(prepared: Prepared, recordings: Recordings, *, segmented: bool) -> np.ndarray:
    """Where the recordings begin, among their pieces or the segments of these."""
    pieces = [len(_pieces(part)) for part in recordings.parts]
    firsts = np.cumsum([0, *pieces[:-1]]).clip(max=len(prepared.signals) - 1)
    if not segmented:
        return firsts
    lengths = [-(-(len(s.times) - 1) // prepared.length) for s in prepared.signals]
    return np.cumsum([0, *lengths[:-1]])[firsts]


def _conclude(
    prepared: Prepared,
    recordings: Recordings,
    chosen: _Chosen,
    words: Wording,
    numbers: NumberedMap,
) -> Discovery:
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
