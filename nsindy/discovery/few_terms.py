"""The best equations of few plain terms, to stand beside what was found."""

import numpy as np

from nsindy.discovery import constants, proposals
from nsindy.discovery.problem import Prepared
from nsindy.discovery.search import Found
from nsindy.discovery.verdict import followed_by, held_out, simulated_r2
from nsindy.discovery.wording import Wording
from nsindy.terms import text
from nsindy.terms.products import is_product
from nsindy.terms.term import Term

__all__ = ["in_few_terms"]


def in_few_terms(prepared: Prepared, first: Found, final: Found, words: Wording) -> str:
    """The best equations of few plain terms in words, with R² of one simulation and of a forecast.

    Plain are products of variables, the friction sign(v), the drag |v| v, and √x. An empty text
    where what was found is as plain, where no such equations follow the recordings, and of wide
    tables.

    Args:
      prepared: what was searched.
      first: the search on the first part of each recording.
      final: the search on all samples.
      words: the names of the terms.
    """
    plain = np.array([_is_plain(term) for term in prepared.terms])
    mask = final.chosen.mask & final.problem.open
    problem = prepared.problem
    few = (mask.sum(1) <= constants.FEW_TERMS).all()
    if problem.wide or (few and not mask[:, ~plain].any()):
        return ""
    some = problem._replace(admissible=problem.admissible & plain, slots=constants.FEW_TERMS)
    every = final.best_of(proposals.by_regressions(prepared, some, constants.FEW_PROPOSED))
    if not np.isfinite(every.score):
        return ""
    before = first.best_of([every.start])
    chosen = final._replace(chosen=every)
    whole = simulated_r2(prepared, followed_by(prepared, chosen))
    ahead = held_out(prepared, first._replace(chosen=before)).r2
    coefficients = prepared.in_units(every.coefficients)
    # Four digits tell such terms apart.
    digits = np.abs(coefficients) / 1000
    return (
        f"in few plain terms the best is {', '.join(words.equations(coefficients, digits))}: "
        f"R² of one simulation {text.shares(whole)}, of the last fifth {text.shares(ahead)}"
    )


def _is_plain(term: Term) -> bool:
    return is_product(term) or term.primitive.name in ("sign", "drag", "sqrt")
