"""Numbers inside the terms of a map, k in x exp(k x), by regressions of a row on the one before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, number_blocks, number_regression
from nsindy.discovery.map_regression import MapFit, regress_map, row_pairs, with_noise
from nsindy.discovery.number_blocks import Offer, Only, holding
from nsindy.discovery.number_growth import Regression, share_left
from nsindy.discovery.problem import Prepared
from nsindy.discovery.signals import Units
from nsindy.terms.numbered import Inner

__all__ = ["NumberedMap", "with_numbers"]

STEP = 0.01
"""Share of a number by which it is changed for its standard error."""


class NumberedMap(NamedTuple):
    """A map whose terms may hold numbers.

    Attributes:
      prepared: the problem, with the terms of the numbers.
      fit: the regression.
      inner: the numbers.
      errors: their standard errors [P].
      price: nats that they must earn, which scores do not know.
    """

    prepared: Prepared
    fit: MapFit
    inner: tuple[Inner, ...] = ()
    errors: tuple[float, ...] = ()
    price: float = 0.0

    @property
    def score(self) -> float:
        """Log evidence, nats, the numbers paid."""
        return float(self.fit.score.sum()) - self.price


def with_numbers(
    prepared: Prepared, whole: MapFit, build: Callable[[Units], Prepared]
) -> NumberedMap:
    """The same map, or one with numbers inside terms, as long as each earns its price.

    Args:
      prepared: the problem without numbers.
      whole: its regression.
      build: the problem in other units, those with numbers.
    """
    best = NumberedMap(prepared, whole)
    for _ in range(constants.NUMBERS):
        one = _regression(best.prepared)
        everywhere = np.ones(len(whole.mask), bool)
        noisy = best.prepared._replace(signals=with_noise(best.prepared, best.fit))
        offers = number_regression.proposed_in(noisy, one, best.fit.mask, everywhere)
        alone = [offer for offer in offers if offer.inner.second is None]
        tried = [_tried(best, offer, build) for offer in alone[: constants.NUMBER_OFFERS[1]]]
        earned = [each for each in tried if each is not None]
        if not earned:
            break
        best = max(earned, key=lambda each: each.score)
    return best


def _regression(prepared: Prepared) -> Regression:
    design, targets = row_pairs(prepared, 1.0)
    before = [rows[:-1] for rows in number_regression.raw_values(prepared)]
    weights = [np.ones(len(rows)) for rows in before]
    return Regression(design, targets, weights, before, float(len(design)), constants.NOISE_FLOOR)


def _tried(of: NumberedMap, offer: Offer, build: Callable[[Units], Prepared]) -> NumberedMap | None:
    """The map with a number that is offered; None where it does not earn its price."""
    inner = (*of.inner, offer.inner)
    made = build(of.prepared.units._replace(inner=inner))
    fit = regress_map(made, 1.0)
    own = holding(made, offer.inner)
    rows = np.flatnonzero(fit.mask[:, own].any(1))
    if not len(rows):
        return None
    error = _error(of.prepared, made, fit, int(rows[0]), own, offer.inner)
    found = NumberedMap(made, fit, inner, (*of.errors, error), of.price + offer.price)
    return found if found.score > of.score + constants.NUMBER_EARNS else None


def _error(
    before: Prepared, made: Prepared, fit: MapFit, d: int, numbered: np.ndarray, inner: Inner
) -> float:
    """Standard error of a number, from the bend of the likelihood, coefficients following it."""
    one = _regression(made)
    (block,) = number_blocks.blocks(before, one.variables, Only(inner.kind, inner.places))
    own = fit.mask[d]
    fixed, target = one.base[:, own & ~numbered], one.target[:, d]
    step = STEP * abs(inner.number)
    columns = one.columns(block.at(inner.number + step * np.array([-1.0, 0.0, 1.0])))
    each = columns.reshape(len(columns), len(block.shapes), 3)[:, own[numbered]]
    left = [share_left(np.column_stack([fixed, each[:, :, g]]), target) for g in range(3)]
    low, middle, high = 0.5 * one.samples * np.log(np.maximum(left, np.finfo(float).tiny))
    bend = (low - 2 * middle + high) / step**2
    return float(1 / np.sqrt(bend)) if bend > 0 else np.inf
