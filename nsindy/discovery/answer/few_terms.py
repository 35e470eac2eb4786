"""The best equations of few plain terms, and the linear ones, to stand beside what was found."""

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer.verdict import followed_by, held_out, simulated_r2
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.numbers.number_growth import share_left
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import proposals
from nsindy.discovery.supports.candidates import Candidate, Start
from nsindy.discovery.supports.search import Found
from nsindy.evidence import regression
from nsindy.terms import text
from nsindy.terms.products import is_product
from nsindy.terms.term import Term

__all__ = ["in_few_terms", "linear_ones", "linear_terms", "proposed_among"]


def in_few_terms(
    prepared: Prepared, first: Found, final: Found, words: Wording, *, sure: bool
) -> str:
    """The best equations of few plain terms in words, with R² of one simulation and of a forecast.

    Plain are products of variables, the friction sign(v), the drag |v| v, and √x. An empty text
    where what was found is as plain, where no such equations can be fitted, and of wide tables.
    Beside an equation that is sure they are named where it has more terms and is less plain, as of
    a spring whose bearing adds to its stiffness, damping and friction, and where R² of every state
    is at least `constants.PLAINER_R2`.

    Args:
      prepared: what was searched.
      first: the search on the first part of each recording.
      final: the search on all samples.
      words: the names of the terms.
      sure: True beside equations that are no approximation.
    """
    plain = np.array([_is_plain(term) for term in prepared.terms])
    mask = final.chosen.mask & final.problem.open
    problem = prepared.problem
    many = (mask.sum(1) > constants.FEW_TERMS).any()
    bent = mask[:, ~plain].any()
    if problem.wide or not (many and bent if sure else many or bent):
        return ""
    every = final.best_of(proposed_among(prepared, plain, constants.FEW_TERMS))
    # That nothing changes is no law.
    if not np.isfinite(every.score) or not every.mask.any():
        return ""
    said = _said(prepared, first, final, every, words, sure=sure)
    return said and f"in few plain terms the best is {said}"


def linear_ones(prepared: Prepared, first: Found, final: Found, words: Wording) -> str:
    """The best linear equations in words, where one simulation of them follows the recordings.

    Cooling, discharge and decay are told by linear laws, which the recording of one cup may tell
    from a curved one by what its air and its surface did besides. An empty text where what was
    found is linear itself, where they have more terms or leave several times as much, where R² of a
    state is below `constants.PLAINER_R2`, and of wide tables.

    Args:
      prepared: what was searched.
      first: the search on the first part of each recording.
      final: the search on all samples.
      words: the names of the terms.
    """
    linear = linear_terms(prepared)
    mask = final.chosen.mask & final.problem.open
    if prepared.problem.wide or not mask[:, ~linear].any() or _bent(prepared, mask, linear):
        return ""
    every = final.best_of(proposed_among(prepared, linear))
    far = every.variance > constants.LINEAR_LEFT**2 * final.chosen.variance
    if far.any() or every.mask.sum() > final.chosen.mask.sum() or not np.isfinite(every.score):
        return ""
    said = _said(prepared, first, final, every, words, sure=True)
    return said and f"the linear law that comes nearest is {said}"


def _bent(prepared: Prepared, mask: np.ndarray, linear: np.ndarray) -> bool:
    """Whether a regression on integrals shows an equation that no linear one comes near.

    So that along chaos nothing is fitted for that.
    """
    problem = prepared.problem
    for d in np.flatnonzero((mask & ~linear).any(1)).tolist():
        own = regression.of_equation(problem.integrals, mask.shape[1], d)
        columns, target = own[:, :-1], own[:, -1]
        straight, chosen = (
            share_left(columns[:, kept], target)
            for kept in (linear & problem.admissible[d], mask[d])
        )
        if straight > max(constants.LINEAR_SHARE, constants.LINEAR_LEFT**2 * chosen):
            return True
    return False


def linear_terms(prepared: Prepared) -> np.ndarray:
    """Which terms are a variable or the constant [M]."""
    return np.array([term.primitive.name in ("identity", "one") for term in prepared.terms])


def proposed_among(
    prepared: Prepared, allowed: np.ndarray, slots: int | None = None
) -> list[Start]:
    """The best supports of some terms [M] by regressions.

    Args:
      prepared: what was searched.
      allowed: the terms that they may hold.
      slots: most terms of an equation; None for as many as were searched.
    """
    problem = prepared.problem
    some = problem._replace(
        admissible=problem.admissible & allowed, slots=problem.slots if slots is None else slots
    )
    return proposals.by_regressions(prepared, some, constants.FEW_PROPOSED)


def _said(
    prepared: Prepared,
    first: Found,
    final: Found,
    every: Candidate,
    words: Wording,
    *,
    sure: bool,
) -> str:
    """Equations with R² of one simulation, and of a forecast of the last fifth.

    Beside what is sure, also how much less likely they are; nothing where R² is too small.
    """
    r2 = simulated_r2(prepared, followed_by(prepared, final._replace(chosen=every)))
    if sure and not (r2 >= constants.PLAINER_R2).all():
        return ""
    before = first.best_of([every.start])
    ahead = held_out(prepared, first._replace(chosen=before)).r2
    coefficients = prepared.in_units(every.coefficients)
    # Four digits tell such terms apart.
    digits = np.abs(coefficients) / 1000
    behind = f"; it is {final.chosen.score - every.score:.1f} nats less likely" if sure else ""
    return (
        f"{', '.join(words.equations(coefficients, digits))}: "
        f"R² of one simulation {text.shares(r2)}, of the last fifth {text.shares(ahead)}{behind}"
    )


def _is_plain(term: Term) -> bool:
    return is_product(term) or term.primitive.name in ("sign", "drag", "sqrt")
