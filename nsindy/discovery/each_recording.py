"""One law of several recordings with numbers of its own in each: five cups, six patients."""

import dataclasses

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import few_terms
from nsindy.discovery.answer.conclusion import standard_errors
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates, proposals, stages
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.discovery.supports.stages import First

__all__ = ["law_of_each"]


def law_of_each(
    session: Session, prepared: Prepared, together: Found, variables: tuple[str, ...]
) -> str:
    """The one support with which every recording by itself is explained, in words.

    Each recording is searched among plain products of two. Of what they choose, and what the
    search in the first has met, the support is taken whose log evidence, all recordings together,
    each with coefficients of its own, is the largest; a linear one stands beside it, or else one of
    fewest terms. The text is empty where there is one recording, where none follows all of them, or
    where one law with the same coefficients is as likely.

    Args:
      session: of all recordings.
      prepared: what was searched.
      together: the search on all samples of all recordings, which misses them.
      variables: names of the states, then of the inputs.
    """
    if not 1 < len(session.parts) <= constants.EACH_RECORDINGS or prepared.problem.wide:
        return ""
    plain = dataclasses.replace(session.question, operations=(), degree=2)
    units = prepared.units._replace(inner=())
    each: list[tuple[Session, First]] = []
    for part, signal in zip(session.parts, session.signals, strict=True):
        own = dataclasses.replace(session, parts=[part], signals=[signal], question=plain)
        built = own.build(units, prepared.substeps)
        made, first = stages.search_from(own, built, proposals.proposals(built))
        if session.stop() or not _follows(made, first):
            return ""
        each.append((own, First(*stages.search_all(own, made, first))))
    every = [one.found.chosen for _, one in each] + each[0][1].found.pool
    problems = [one.prepared for _, one in each]
    linear = few_terms.linear_terms(problems[0])
    simple = [start.mask for start in few_terms.proposed_among(problems[0], linear)]
    choices = [*(one.mask for one in every if np.isfinite(one.score)), *simple]
    masks = {mask.tobytes(): mask for mask in choices}
    tried = [[_with(*one, mask) for one in each] for mask in masks.values()]
    able = [fits for fits in tried if all(map(_follows, problems, fits))]
    if not able or session.stop():
        return ""

    def evidence(fits: list[Found]) -> float:
        return sum(found.chosen.score for found in fits)

    best = max(able, key=evidence)
    joint = max(together.chosen.score, _joint_score(prepared, together, problems[0], best[0]))
    if not evidence(best) > joint + constants.STRONG:
        return ""

    def curved(fits: list[Found]) -> bool:
        return bool(fits[0].chosen.mask[:, ~linear].any())

    def size(fits: list[Found]) -> int:
        return int(fits[0].chosen.mask.sum())

    straight = [fits for fits in able if not curved(fits)]
    shortest = min(able, key=lambda fits: (size(fits), -evidence(fits)))
    other = max(straight, key=evidence) if straight else shortest
    given = _given_for_each(session, variables)
    step = "give what differs between them as an input, a column that is constant in each"
    if given:
        step = f"no term of this library says how they follow {given}, --operation adds one"
    said = (
        f"each recording by itself follows one law with numbers of its own; {step}. "
        f"{_written(problems, best, variables)}"
    )
    if curved(best) and (not curved(other) or size(other) < size(best)):
        how = "In fewer terms" if curved(other) else "As a linear law"
        said += f". {how} {_written(problems, other, variables)}"
    return said


def _given_for_each(session: Session, variables: tuple[str, ...]) -> str:
    """The inputs that are constant in each recording and differ between them, in words."""
    firsts = np.stack([part.inputs[0] for part in session.parts])
    still = np.all([np.ptp(part.inputs, 0) == 0 for part in session.parts], 0)
    names = variables[len(variables) - len(still) :]
    told = still & (np.ptp(firsts, 0) > 0)
    return " and ".join(name for name, here in zip(names, told, strict=True) if here)


def _follows(prepared: Prepared, found: Found) -> bool:
    """Whether a choice leaves a small share of what the states of a recording do."""
    (signal,) = prepared.signals
    spread = signal.measured.std(0)
    return bool((found.noise <= constants.EACH_LEFT * spread).all() and found.chosen.mask.any())


def _joint_score(prepared: Prepared, together: Found, own: Prepared, found: Found) -> float:
    """The score of a choice with the same coefficients in all recordings, nats."""
    chosen = {d: [own.terms[m] for m in np.flatnonzero(r)] for d, r in enumerate(found.chosen.mask)}
    mask = np.stack([[term in chosen[d] for term in prepared.terms] for d in chosen])
    if mask.sum() < found.chosen.mask.sum():
        return -np.inf
    return together.best_of([candidates.regressed(prepared.problem, mask)]).score


def _with(session: Session, one: First, mask: np.ndarray) -> Found:
    """The fit of a support to all samples of a recording."""
    start = candidates.regressed(one.prepared.problem, mask)
    stage = "selecting on all samples"
    return session.search(one.prepared, [start], share=1.0, stage=stage, guides=1, rounds=1)


def _written(made: list[Prepared], fits: list[Found], variables: tuple[str, ...]) -> str:
    """The equations of each recording."""
    lines = []
    for n, (prepared, found) in enumerate(zip(made, fits, strict=True), 1):
        words = Wording(prepared, variables, variables[: len(found.chosen.mask)])
        coefficients = prepared.in_units(found.chosen.coefficients)
        own = words.equations(coefficients, standard_errors(found) * prepared.back)
        lines.append(f"recording {n}: {', '.join(own)}")
    return "; ".join(lines)
