"""Numbers inside the terms of a map, k in x exp(k x), by regressions of a row on the one before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.maps.map_regression import MapFit, regress_map, row_pairs, with_noise
from nsindy.discovery.numbers import number_regression
from nsindy.discovery.numbers.number_blocks import Offer, holding
from nsindy.discovery.numbers.number_growth import Regression
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units
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
      spread: the standard errors of the coefficients that come of these [D, M]; 0 without numbers.
      price: nats that they must earn, which scores do not know.
    """

    prepared: Prepared
    fit: MapFit
    inner: tuple[Inner, ...] = ()
    errors: tuple[float, ...] = ()
    spread: np.ndarray | float = 0.0
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
    return _with_errors(best, build) if best.inner else best


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
    if not fit.mask[:, holding(made, offer.inner)].any():
        return None
    found = NumberedMap(made, fit, inner, price=of.price + offer.price)
    return found if found.score > of.score + constants.NUMBER_EARNS else None


def _with_errors(found: NumberedMap, build: Callable[[Units], Prepared]) -> NumberedMap:
    """The same with the standard errors of its numbers, and what these do to its coefficients.

    1/σ² of a number p is the bend of Σ_d ½ n log RSS_d(p), coefficients ξ following it; and the
    variance that this adds to that of a coefficient at p is (∂ξ/∂p)² σ².
    """
    mask = found.fit.mask
    errors, variance = [], np.zeros(mask.shape)
    nats, _ = _least_squares(found.prepared, mask)
    for i, one in enumerate(found.inner):
        step = STEP * abs(one.number)
        fits = []
        for number in (one.number - step, one.number + step):
            inner = (*found.inner[:i], one._replace(number=number), *found.inner[i + 1 :])
            fits.append(_least_squares(build(found.prepared.units._replace(inner=inner)), mask))
        (low, before), (high, behind) = fits
        bend = (low - 2 * nats + high) / step**2
        errors.append(float(1 / np.sqrt(bend)) if bend > 0 else np.inf)
        slopes = (behind - before) / (2 * step)
        variance += np.where(slopes == 0, 0.0, slopes * errors[-1]) ** 2
    return found._replace(errors=tuple(errors), spread=np.sqrt(variance))


def _least_squares(prepared: Prepared, mask: np.ndarray) -> tuple[float, np.ndarray]:
    """Σ_d ½ n log RSS_d of the equations on their supports, and the coefficients [D, M]."""
    design, targets = row_pairs(prepared, 1.0)
    coefficients = np.zeros(mask.shape)
    for own, row, target in zip(mask, coefficients, targets.T, strict=True):
        row[own] = np.linalg.lstsq(design[:, own], target, rcond=None)[0]
    left = np.sum((targets - design @ coefficients.T) ** 2, 0)
    nats = 0.5 * len(design) * np.log(np.maximum(left, np.finfo(float).tiny))
    return float(np.sum(nats)), coefficients
