"""Sines and cosines of differences and sums of angles, where their products are in an equation.

sin(a) cos(b) - cos(a) sin(b) = sin(a - b): what couples oscillators, and says nothing as two terms.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from nsindy.terms import text
from nsindy.terms.term import Term

__all__ = ["of_differences"]

APART = 3.0
"""Standard errors by which two coefficients may differ that are said to be one."""

SAME = 1e-3
"""The same as a share of them, where there is no noise."""


def of_differences(
    terms: Sequence[Term],
    coefficients: np.ndarray,
    errors: np.ndarray,
    variables: Sequence[str],
    left: Sequence[str],
) -> tuple[str, ...]:
    """What products of waves are together, in words.

    Args:
      terms: of the library.
      coefficients: in the units of the recording [D, M].
      errors: standard errors of these [D, M].
      variables: names of the states, then of the inputs.
      left: the left sides of the equations.
    """
    places = _products_of_waves(terms)
    said = []
    for row, spread, name in zip(coefficients, errors, left, strict=True):
        for a, b in itertools.combinations(range(len(variables)), 2):
            # sin(a ± b) = sin a cos b ± sin b cos a and cos(a ± b) = cos a cos b ∓ sin a sin b.
            for wave, one, other, plus in (
                ("sin", (("sin", a), ("cos", b)), (("sin", b), ("cos", a)), 1),
                ("cos", (("cos", a), ("cos", b)), (("sin", a), ("sin", b)), -1),
            ):
                if one not in places or other not in places:
                    continue
                both = [places[one], places[other]]
                values, error = row[both], float(np.hypot(*spread[both]))
                sign = np.sign(np.prod(values))
                limit = max(APART * error, SAME * np.abs(values).max())
                if not sign or abs(values[0] - sign * values[1]) > limit:
                    continue
                mean = text.number(np.mean(values * [1, sign]), error / 2)
                words = " and ".join(text.readable(terms[m], variables) for m in both)
                angle = f"{variables[a]} {'+' if sign == plus else '-'} {variables[b]}"
                said.append(f"in {name} {words} together are {mean} {wave}({angle})")
    return tuple(said)


def _products_of_waves(terms: Sequence[Term]) -> dict[tuple[tuple[str, int], ...], int]:
    """The products of two waves of different variables, sines first, and their places."""
    found = {}
    for m, term in enumerate(terms):
        waves = []
        for each in term.arguments if term.primitive.name == "mul" else ():
            inside = each.arguments[0] if isinstance(each, Term) and each.arguments else None
            if isinstance(each, Term) and isinstance(inside, int):
                waves.append((each.primitive.name, inside))
        names = {name for name, _ in waves}
        if len(waves) == 2 and names <= {"sin", "cos"} and waves[0][1] != waves[1][1]:
            found[tuple(sorted(waves, key=lambda w: (w[0] != "sin", w[1])))] = m
    return found
