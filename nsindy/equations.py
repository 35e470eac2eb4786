"""Coefficients as text and as LaTeX."""

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike


def text(
    coefficients: ArrayLike,
    names: Sequence[str],
    states: Sequence[str],
    *,
    precision: int = 3,
) -> list[str]:
    """Write equations as PySINDy prints them, `v' = -1.000 identity(x) + -0.100 identity(v)`.

    Args:
      coefficients: Ξ [D, M]; zero coefficients are left out.
      names: the M terms as text.
      states: names of the D state variables.
      precision: digits behind the point.
    """
    lines = []
    for state, row in zip(states, np.asarray(coefficients), strict=True):
        words = [
            f"{value:.{precision}f} {name}"
            for value, name in zip(row, names, strict=True)
            if value != 0
        ]
        lines.append(f"{state}' = {' + '.join(words) if words else f'{0:.{precision}f}'}")
    return lines


def latex(
    coefficients: ArrayLike,
    names: Sequence[str],
    states: Sequence[str],
    *,
    precision: int = 3,
) -> list[str]:
    r"""Write equations as LaTeX, `\dot{v} = -1.000\,\mathrm{identity}(x) - 0.100\,…`.

    Args:
      coefficients: Ξ [D, M]; zero coefficients are left out.
      names: the M terms as text.
      states: names of the D state variables.
      precision: digits behind the point.
    """
    lines = []
    for state, row in zip(states, np.asarray(coefficients), strict=True):
        words = ""
        for value, name in zip(row, names, strict=True):
            if value == 0:
                continue
            sign = "-" if value < 0 else "+" if words else ""
            operation, _, arguments = name.partition("(")
            term = rf"\mathrm{{{operation}}}({arguments}" if arguments else name
            words += rf" {sign} {abs(value):.{precision}f}\,{term}"
        lines.append(rf"\dot{{{state}}} = {words.strip() or '0'}")
    return lines
