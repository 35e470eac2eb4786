"""What is searched: the recordings, their library, and the way back to their own units."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import (
    segmentation,
)
from nsindy.discovery.preparation.equal import Shared
from nsindy.discovery.preparation.kinds import Kinds
from nsindy.discovery.preparation.known import Tables
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms.products import Products
from nsindy.terms.term import Term
from nsindy.trajectories.shooting import Segments

__all__ = ["Prepared", "Problem"]


class Problem(NamedTuple):
    """What is searched, in scaled units.

    Attributes:
      terms: M terms.
      prior: of the supports.
      admissible: True where an equation may hold a term whose coefficient follows no other [D, M].
      known: coefficients that are given [D, M].
      shares: root mean square of a term over that of the derivative [D, M].
      factor: compressed [Θ, Ẋ] of the smoothed states, where the fits start from.
      integrals: the same of the weak form; `factor` again where the equations are a map.
      begin: smoothed state at the first node of every segment [B, D].
      floor: noise that the errors of the solver hide [D].
      slots: K, most terms of an equation, the given ones not counted.
      columns: terms that trajectories are linearised in, equation by equation [D, C]; from M on
        they are none, and fill up what programs are compiled for.
      signs: 1 or -1 for coefficients that must be above or below 0, else 0 [D, M]; None for none.
      shared: coefficients that follow others; None for none.
    """

    terms: Products
    prior: Prior
    admissible: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    factor: np.ndarray
    integrals: np.ndarray
    begin: np.ndarray
    floor: np.ndarray
    slots: int
    columns: np.ndarray
    signs: np.ndarray | None = None
    shared: Shared | None = None

    @property
    def open(self) -> np.ndarray:
        """True where an equation may hold a term that is fitted, or follows one [D, M]."""
        return self.alike(self.admissible)

    def alike(self, values: np.ndarray) -> np.ndarray:
        """Values, or a support, [D, M] in which what follows another has what that has."""
        return values if self.shared is None else self.shared.alike(values)

    def spread(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients [D, M] with those that follow others."""
        return coefficients if self.shared is None else self.shared.spread(coefficients)

    def follow(self, places: np.ndarray, held: np.ndarray) -> np.ndarray | None:
        """See `Shared.matrix`; None where every coefficient is free."""
        return None if self.shared is None else self.shared.matrix(places, held)

    def violated(self, mask: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """True for the terms of a support whose coefficients have the wrong sign [D, M]."""
        signs = 0.0 if self.signs is None else self.signs
        return mask & (coefficients * signs < 0)

    def of_columns(self, values: np.ndarray) -> np.ndarray:
        """What an array of all terms [D, M] holds in the columns [D, C]."""
        return np.take_along_axis(np.pad(values, ((0, 0), (0, self._none))), self.columns, 1)

    def of_terms(self, values: np.ndarray) -> np.ndarray:
        """The array of all terms [D, M] that holds these in its columns [D, C], and 0 elsewhere."""
        count, terms = self.admissible.shape
        whole = np.zeros((count, terms + self._none), values.dtype)
        np.put_along_axis(whole, self.columns, values, 1)
        return whole[:, :terms]

    @property
    def _none(self) -> int:
        """Columns that are no terms."""
        return max(self.columns.shape[1] - self.admissible.shape[1], 0)

    @property
    def wide(self) -> bool:
        """True where regressions chose the columns among more terms."""
        return self.columns.shape[1] < self.admissible.shape[1]

    @property
    def fits(self) -> int:
        """Supports that a search starts from, and that it fits in each round."""
        return constants.WIDE_FITS if self.wide else constants.WIDTH

    @property
    def prior_of_terms(self) -> Prior:
        """The prior of supports of all terms.

        Where columns were chosen among the M terms, a price counts the choice: log (M / C).
        """
        if not self.wide:
            return self.prior
        count, terms = self.columns.shape[1], self.admissible.shape[1]
        return self.prior._replace(costs=np.asarray(self.prior.costs) + np.log(terms / count))

    @property
    def prior_of_columns(self) -> Prior:
        """The prior of supports of the columns."""
        costs = np.asarray(self.prior_of_terms.costs)
        if self.wide:
            return self.prior._replace(costs=costs[self.columns])
        padded = np.pad(costs, (0, self._none))
        return self.prior._replace(costs=padded, terms=len(costs))  # type: ignore[arg-type]


class Prepared(NamedTuple):
    """Recordings made ready, the problem that they pose, and the way back to their own units.

    Attributes:
      parts: the recordings.
      signals: the same, scaled and smoothed.
      units: of the variables.
      order: 1 or 2.
      library: terms that were not named alone, and hold neither a forcing nor a number that is
        fitted.
      terms: M terms over the states and inputs, as they are reported.
      back: multiplies scaled coefficients to those of the recording [D, M].
      theta: Θ of the smoothed states, the recordings one after the other [N, M].
      usable: factors of the terms that have a value here.
      problem: what is searched.
      length: L, intervals of a segment.
      substeps: solver steps between samples; None for a map.
      tables: what is known of the equations, in the units of the recording.
      kinds: what may hold a number that is fitted.
    """

    parts: list[Recording]
    signals: list[Signal]
    units: Units
    order: int
    library: tuple[Term, ...]
    terms: tuple[Term, ...]
    back: np.ndarray
    theta: np.ndarray
    usable: np.ndarray
    problem: Problem
    length: int
    substeps: int | None
    tables: Tables
    kinds: Kinds

    @property
    def first_segments(self) -> np.ndarray:
        """Places of the segments that begin a recording, among all [recordings]."""
        return np.array(segmentation.firsts(self.signals, self.length))

    def first_recordings(self, samples: int) -> "Prepared":
        """The same for regressions, of the first recordings that hold so many samples together."""
        ends = np.cumsum([len(s.times) for s in self.signals])
        last = min(int(np.searchsorted(ends, samples)), len(ends) - 1)
        return self._replace(
            parts=self.parts[: last + 1],
            signals=self.signals[: last + 1],
            theta=self.theta[: ends[last]],
        )

    def score_in_units(self, score: float, samples: np.ndarray) -> float:
        """The score of a model of the states in a person's units, to compare recordings by.

        Args:
          score: of the scaled states.
          samples: measurements of each of them [D].
        """
        return float(score - np.sum(samples * np.log(self.units.states)))

    def in_units(self, coefficients: np.ndarray) -> np.ndarray:
        """Scaled coefficients in the units of the recording, the given ones to their last digit."""
        given = self.tables.given
        return np.where(given != 0, given, coefficients * self.back)

    def segments(self, share: float) -> Segments:
        """The recordings in segments, of which the first `share` of the samples count."""
        return segmentation.segments(
            self.signals,
            self.units,
            self.usable,
            substeps=self.substeps,
            length=self.length,
            counted=share,
        )
