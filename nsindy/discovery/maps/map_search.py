"""Maps: x[n+1] = f(x[n], u[n]), each row of a recording from the one before.

Two kinds of noise are told apart by their likelihood. Where the system itself is noisy, or nothing
is, what is left of each row is new, and the equations are regressions of a row on the one before.
Where the measurement is noisy, both rows of such a pair err, and the regression is biased; then the
map is iterated along short stretches, as flows are solved (Bock 1983), and fitted to them.
"""

import dataclasses

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import cautions, conclusion
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.maps.map_answer import (
    ChosenMap,
    changed_by_part,
    conclude_map,
    unexplained_rows,
    verdict_of_map,
)
from nsindy.discovery.maps.map_numbers import NumberedMap, with_numbers
from nsindy.discovery.maps.map_regression import (
    MapFit,
    regress_map,
    row_pairs,
    unclear_terms,
    with_noise,
)
from nsindy.discovery.maps.map_rows import rows_of_map, unbroken_rows, units_of_rows
from nsindy.discovery.preparation import building, signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates, proposals
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.inclusion import inclusion_probabilities, only_probable
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.evidence import regression
from nsindy.recording.check import Recording, Recordings
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery
from nsindy.terms import text

__all__ = ["discover_map", "suggestion"]


def discover_map(session: Session, recordings: Recordings) -> Discovery:
    """Find the map behind recordings whose rows are steps.

    Args:
      session: with the recordings as `rows_of_map` makes them ready.
      recordings: as they were read.

    Raises:
      ValueError: an operation is unknown or not unary.
    """
    prepared = _prepared(session, units_of_rows(session.parts))
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
    return conclude_map(prepared, recordings, chosen, words, found)


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
    if any(unbroken_rows(part) == [] or not _even(part) for part in recordings.parts):
        return []
    rows, made = rows_of_map(recordings.parts)
    session = dataclasses.replace(session, parts=rows, signals=made)
    prepared = _prepared(session, units_of_rows(rows))
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


def _prepared(session: Session, units: Units) -> Prepared:
    """The problem of a map, whose regression is that of `row_pairs`."""
    made = building.prepare(session.parts, session.signals, units, session.question, substeps=None)
    factor = regression.compress(*row_pairs(made, 1.0))
    return _regressed_on(made, factor)


def _regressed_on(prepared: Prepared, factor: np.ndarray) -> Prepared:
    problem = prepared.problem._replace(factor=factor, integrals=factor)
    return prepared._replace(problem=problem)


def _by_regression(prepared: Prepared, whole: MapFit, words: Wording) -> ChosenMap:
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
    return ChosenMap(
        best,
        first,
        whole.errors,
        whole.probabilities,
        np.sqrt(whole.variance),
        forecasts,
        sorted([best, *pool], key=lambda c: -c.score),
        notes,
        [
            *cautions.of_the_unclear(words, unclear),
            *unexplained_rows(prepared, whole.variance, words),
            *changed_by_part(best, first, words),
        ],
        verdict_of_map(prepared, whole.mask, whole.variance, doubtful=bool(unclear)),
    )


def _candidate(prepared: Prepared, fit: MapFit) -> Candidate:
    begin = np.stack([s.measured[0] for s in prepared.signals])
    one = np.ones(len(fit.mask))
    score = float(fit.score.sum())
    return Candidate(fit.mask, fit.coefficients, begin, fit.variance, fit.variance, one, 0.0, score)


def _by_iteration(
    session: Session, prepared: Prepared, whole: MapFit, words: Wording
) -> ChosenMap | None:
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
        *cautions.of_the_unclear(words, unclear),
        *cautions.of_the_search(built, final),
        *unexplained_rows(built, variance, words),
    ]
    return ChosenMap(
        final.chosen,
        first.chosen,
        np.where(final.chosen.mask, errors, 0.0),
        np.clip(inclusion_probabilities(final, unclear), 0, 1),
        final.noise,
        _iterated(built, first),
        final.pool,
        ("what is left is taken as noise of the measurement; the forecast is iterated",),
        [*said, *changed_by_part(final.chosen, first.chosen, words)],
        verdict_of_map(built, final.chosen.mask, variance, doubtful=doubtful),
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
    followed = candidates.along_recordings(
        first.problem, first.chosen.start, first.segments, prepared.signals
    )
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
