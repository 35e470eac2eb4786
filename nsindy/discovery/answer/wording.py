"""Models in words."""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.candidates import Candidate
from nsindy.evidence import regression, ties
from nsindy.terms import text
from nsindy.terms.numbered import WAVE, Inner, inner_of, of_each

__all__ = ["Wording"]


class Wording:
    """Models in words.

    Attributes:
      prepared: the problem.
      variables: names of the states, then of the inputs.
      states: names of the states.
      left: the left sides of the equations.
      names: the terms as they are printed.
    """

    def __init__(
        self,
        prepared: Prepared,
        variables: tuple[str, ...],
        states: tuple[str, ...],
        *,
        map: bool = False,
    ):
        self.prepared, self.states, self.variables = prepared, states, variables
        self.left = [text.left_side(state, map=map) for state in states]
        self.names = [text.readable(term, variables) for term in prepared.terms]

    def equations(self, coefficients: np.ndarray, errors: np.ndarray) -> list[str]:
        """Equations with the digits that errors [D, M] leave, those of positions left out."""
        lines = text.equations(coefficients, self.names, self.states, precision=None, errors=errors)
        return lines[len(lines) // 2 :] if self.prepared.order == 2 else lines

    def numbers(
        self, mask: np.ndarray, inner: Sequence[Inner], errors: np.ndarray
    ) -> tuple[str, ...]:
        """The numbers that were fitted inside terms of a choice, and their standard errors [P]."""
        used = (mask & self.prepared.problem.admissible).any(0).tolist()
        own = [inner_of(term) for term in self.prepared.terms]
        lines = []
        for one, spread in zip(inner, of_each(inner, errors), strict=True):
            names = [
                name
                for name, here, each in zip(self.names, used, own, strict=True)
                if here and each is not None and each.place == one.place
            ]
            if not names:
                continue
            pairs = zip(one.numbers, spread.tolist(), strict=True)
            values = [
                f"{text.number(n, error)} ± {text.number(error, error)}" for n, error in pairs
            ]
            if not spread.any():
                near = f"{one.number:g}, to which its fit was near"
                lines.append(f"the power in {' and '.join(names)} is held at {near}")
                continue
            unit = f" radian per unit of {self.variables[one.place]}" if one.kind == WAVE else ""
            what = "the number in" if len(values) == 1 else "the numbers in"
            are = "is" if len(values) == 1 else "are"
            where, said = " and ".join(names), " and ".join(values)
            lines.append(f"{what} {where} {are} fitted: {said}{unit}")
        return tuple(lines)

    def difference(self, one: Candidate, other: Candidate) -> str:
        """What another model has that this one has not."""
        words = []
        for d, left in enumerate(self.left):
            more = [self.names[m] for m in np.flatnonzero(other.mask[d] & ~one.mask[d])]
            less = [self.names[m] for m in np.flatnonzero(one.mask[d] & ~other.mask[d])]
            if more and less:
                words.append(f"{', '.join(more)} for {', '.join(less)} in {left}")
            elif more:
                words.append(f"{', '.join(more)} added in {left}")
            elif less:
                words.append(f"{', '.join(less)} left out of {left}")
        return "; ".join(words)

    def runners_up(self, best: Candidate, pool: Sequence[Candidate]) -> tuple[str, ...]:
        """The next best models, and those of more terms that are better by too little."""
        found = []
        for c in pool[:6]:
            behind = best.score - c.score
            if c is not best and np.isfinite(behind):
                place = "behind" if behind >= 0 else "better, too few for its size"
                found.append(f"{self.difference(best, c)}: {abs(behind):.1f} nats {place}")
        return tuple(found[:5])

    def equivalents(self, best: Candidate) -> tuple[str, ...]:
        """Models that no recording of these values can tell from the best."""
        found = []
        factor = np.asarray(self.prepared.problem.factor)
        size = best.mask.shape[1]
        for d, left in enumerate(self.left):
            allowed = self.prepared.problem.admissible[d]
            if not allowed.any() or not (best.mask[d] & allowed).any():
                continue
            own = regression.of_equation(factor, size, d) * np.append(allowed, True)[None]
            for other in ties.equivalents(own, best.mask[d] & allowed, tolerance=1e-9, most=5):
                found.append(f"{left} of {', '.join(self.names[m] for m in other)}")
        return tuple(found)

    def near_duplicates(self, best: Candidate) -> tuple[str, ...]:
        """Unused terms that are nearly the same as a term of the model."""
        theta = self.prepared.theta
        norms = np.linalg.norm(theta, axis=0)
        unit = theta / np.where(norms > 0, norms, 1.0)
        used = np.flatnonzero((best.mask & self.prepared.problem.admissible).any(0))
        found = []
        for m in used:
            cosines = np.abs(unit[:, m] @ unit)
            others = [
                o
                for o in np.argsort(-cosines)[:4]
                if o not in used and cosines[o] > constants.NEAR_DUPLICATE
            ]
            found += [
                f"{self.names[m]} and {self.names[o]} are nearly the same here "
                f"(cosine {cosines[o]:.4f})"
                for o in others
            ]
        return tuple(found)
