"""Numbers inside terms, fitted to the trajectories with everything else."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.kinds import KINDS
from nsindy.discovery.preparation.problem import Problem
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.search import Found
from nsindy.terms.numbered import WAVE, Inner, of_each
from nsindy.trajectories import inner_numbers
from nsindy.trajectories.shooting import FreeNumbers, Segments

__all__ = [
    "NOTHING_FITTED",
    "FittedNumbers",
    "fit_numbers",
    "is_signed",
    "precompile_numbers",
    "simple_powers",
]


class FittedNumbers(NamedTuple):
    """Numbers that were fitted with everything else.

    Attributes:
      inner: that hold P of them together, per raw unit of their variables.
      covariance: of the numbers, where errors are independent [P, P].
      slopes: how the scaled coefficients follow them [P, D, M].
      price: nats that all must earn, which the scores of the search do not know.
      beside: standard errors of the scaled coefficients, the numbers free; 0 where none is
        known [D, M].
    """

    inner: tuple[Inner, ...]
    covariance: np.ndarray
    slopes: np.ndarray
    price: float = 0.0
    beside: np.ndarray = np.zeros((1, 1))

    @property
    def errors(self) -> np.ndarray:
        """Standard errors of the numbers [P]."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def with_errors(self) -> list[tuple[Inner, np.ndarray]]:
        """Each that holds numbers, with the standard errors of its own."""
        return list(zip(self.inner, of_each(self.inner, self.errors), strict=True))

    def variance(self, mask: np.ndarray) -> np.ndarray:
        """What the numbers add to the variance of the scaled coefficients of a support [D, M]."""
        slopes = np.where(mask, self.slopes, 0.0)
        # A number of which nothing is known has no slopes either, and a coefficient that does not
        # follow it has its own error.
        known = np.where(np.isfinite(self.covariance), self.covariance, 0.0)
        return np.einsum("pdm,pq,qdm->dm", slopes, known, slopes)

    def beside_given(self, given: Sequence[Inner]) -> "FittedNumbers":
        """The same, and numbers that were given, which have no error."""
        count, more = len(self.covariance), sum(len(each.numbers) for each in given)
        slopes = np.pad(self.slopes, ((0, more), (0, 0), (0, 0)))
        covariance = np.zeros((count + more, count + more))
        covariance[:count, :count] = self.covariance
        return self._replace(inner=(*self.inner, *given), covariance=covariance, slopes=slopes)


_POWERS = {"power", "radial_power", "difference_power", "difference_of_powers"}
"""The kinds whose number is a power."""

NOTHING_FITTED = FittedNumbers((), np.zeros((0, 0)), np.zeros((0, 1, 1)))
"""No number at all."""


def fit_numbers(units: Units, found: Found, places: Sequence[int] | None = None) -> FittedNumbers:
    """Fit the numbers of a choice to the trajectories, all coefficients and states following them.

    See `inner_numbers.fit_inner_numbers`.

    Args:
      units: with the numbers to begin with.
      found: what was chosen with these numbers.
      places: variables whose numbers are fitted; None for all.
    """
    inner = tuple(i for i in units.inner if places is None or i.place in places)
    model = candidates.model(found.problem, found.chosen.start)
    model = model._replace(numbers=_free_numbers(units, inner))
    segments = found.segments._replace(units=units.raw)  # type: ignore[arg-type]
    fitted = inner_numbers.fit_inner_numbers(found.problem.terms, model, segments, found.noise)
    count = sum(len(each.numbers) for each in inner)
    each = zip(inner, of_each(inner, fitted.values[:count]), strict=True)
    made = [one.with_numbers(own.tolist()) for one, own in each]
    # A slow wave may be fitted with -w, which is the same up to the sign of its sine.
    made = [one._replace(number=abs(one.number)) if one.kind == WAVE else one for one in made]
    slopes, beside = np.zeros((count, *found.chosen.mask.shape)), np.zeros(found.chosen.mask.shape)
    terms = np.arange(len(beside))[:, None], model.indices
    of_slots = [*fitted.slopes[:count], fitted.errors]
    for whole, own in zip([*slopes, beside], of_slots, strict=True):
        np.add.at(whole, terms, own)
    return FittedNumbers(tuple(made), fitted.covariance[:count, :count], slopes, beside=beside)


def simple_powers(numbers: FittedNumbers) -> list[Inner]:
    """The powers that are likelier a whole number of halves, with that in their place.

    √h flows out of a tank, not h^0.4985. Before any data a power is as likely such a number as any
    other within the half around it: with the error σ and z of them from the nearest half that is
    likelier where z² < 2 log(1 / (2 σ √(2π))). Where σ is large a half is always near, and nothing
    is said by that.
    """
    found = []
    for each, errors in numbers.with_errors:
        simple, error = round(2 * each.number) / 2, errors[0]
        if each.kind not in _POWERS or simple in (0, 1) or not 0 < error < constants.POWER_SEEN:
            continue
        if ((each.number - simple) / error) ** 2 < -2 * np.log(2 * error * np.sqrt(2 * np.pi)):
            found.append(each.with_numbers([simple]))
    return found


def _free_numbers(units: Units, inner: Sequence[Inner]) -> FreeNumbers:
    """The numbers of a fit, one after the other, and as many as its program takes."""
    count = sum(len(each.numbers) for each in inner)
    size, variables = 1 << max(count - 1, 0).bit_length(), len(units.variables)
    # No unit stands behind the last: what is not needed changes nothing.
    places, values = np.full(size, 3 * variables), np.ones(size)
    scales = np.zeros(size)
    every = [(each, i) for each in inner for i in range(len(each.numbers))]
    for at, (each, i) in enumerate(every):
        places[at], values[at] = (1 + i) * variables + each.place, each.numbers[i]
        # What may be 0 is a place among the values, seen within one over the steepness there.
        scales[at] = 1 / abs(each.numbers[1]) if is_signed(each) and not i else 0.0
    return FreeNumbers(places, values, scales, np.arange(size) < count)  # type: ignore[arg-type]


def precompile_numbers(problem: Problem, segments: Segments, units: Units) -> None:
    """Compile what `fit_numbers` needs for the last of the numbers alone."""
    nothing = np.zeros(problem.admissible.shape)
    model = candidates.model(problem, Start(nothing > 0, nothing, problem.begin))
    model = model._replace(numbers=_free_numbers(units, units.inner[-1:]))
    inner_numbers.precompile_fit(problem.terms, model, segments, np.ones(len(nothing)))


def is_signed(inner: Inner) -> bool:
    """Whether a number may be 0 or change its sign in a fit."""
    return inner.kind in KINDS and KINDS[inner.kind].operations[0].signed
