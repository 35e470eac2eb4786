"""What shows that a number inside a term may be missing from a choice."""

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.search import Found
from nsindy.terms.products import is_product

__all__ = ["explains", "is_white", "leaves_more", "promising", "settled"]


def promising(prepared: Prepared, found: Found) -> np.ndarray:
    """Equations in which a number may earn its price [D].

    A number pays where it takes the place of several terms, where a term is no product and may
    stand for another, or where the choice leaves more than the noise that smoothing found.

    Args:
      prepared: the problem.
      found: a search.
    """
    terms = (found.chosen.mask & prepared.problem.admissible).sum(1)
    least = constants.NUMBER_REPLACES + signals.noiseless(prepared.signals)
    bent = [not is_product(term) for term in prepared.terms]
    stands = (found.chosen.mask & np.array(bent)).any(1)
    open_ = prepared.problem.admissible.any(1) & ~prepared.tables.listed
    may = open_ & (leaves_more(prepared, found) | (terms >= least) | stands)
    if prepared.order == 2 and may.any():
        # One force acts in all directions, and may look simpler in one of them.
        may |= open_ & (terms > 1)
    return may


def settled(prepared: Prepared, found: Found) -> bool:
    """Whether a choice of few terms leaves no more than the errors of a solver.

    Many terms may leave as little, and be no law.
    """
    exact = (np.sqrt(found.chosen.variance) <= prepared.problem.floor).all()
    return bool(exact and (found.chosen.mask.sum(1) < constants.NUMBER_REPLACES).all())


def is_white(found: Found) -> bool:
    """Whether what a choice leaves has no structure in time."""
    return bool((found.chosen.independent >= constants.INDEPENDENT).all())


def explains(prepared: Prepared, found: Found) -> bool:
    """Whether a choice leaves no more than noise of the size that smoothing found."""
    return is_white(found) and not stages.missed(prepared, found)


def leaves_more(prepared: Prepared, found: Found) -> bool:
    """Whether a choice leaves more than the noise that smoothing found, by nats that could pay.

    The noise that smoothing found has an error of its own, and a share of `NOISE_ERROR` more is
    none where what is left has no structure in time.
    """
    floor = prepared.problem.floor
    seen = np.maximum(signals.noise(prepared.signals), floor)
    ratio = np.where(seen > 0, np.maximum(found.noise, floor) / np.where(seen > 0, seen, 1.0), 1.0)
    more = np.log(ratio) - 1 / np.sqrt(2 * np.maximum(found.samples, 1.0))
    more -= np.where(found.chosen.independent < 1, 0.0, constants.NOISE_ERROR)
    return bool(np.sum(found.samples * np.maximum(more, 0.0)) > constants.WAVE_EARNS)
