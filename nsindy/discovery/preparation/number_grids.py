"""Which numbers are tried inside terms, for the values that variables have.

A function takes the values [N] of a variable, or of each of two, and gives the numbers in their
units [G], increasing; none where they make no sense. `second_scales` and `steepness` give those of
a second number.
"""

import numpy as np

__all__ = [
    "difference_powers",
    "energies",
    "levels",
    "positive_scales",
    "powers",
    "powers_of_both",
    "product_scales",
    "radial_powers",
    "radii",
    "rates",
    "ratios",
    "scales",
    "scales_of_two",
    "second_scales",
    "slants",
    "steepness",
    "tanh_rates",
    "thresholds",
    "widths",
]

SCALES = np.geomspace(0.03, 10.0, 24)
"""K that are tried, as shares of the largest value: of a smaller one nothing is seen to bend, and
beyond the last x / (K + x) is a line or a parabola."""

RATES = np.geomspace(0.3, 30.0, 16)
"""k that are tried, times the range of the values: how often exp(k x) changes by e."""

POWERS = np.setdiff1d(np.arange(-12, 17) / 4, np.arange(-1, 4))
"""p that are tried: -1, 1, 2 and 3 are other terms."""

RADIAL_POWERS = np.setdiff1d(np.arange(-12, 9) / 4, np.arange(0, 3))
"""p of (x² + y²)^p that are tried: those from 0 on that are whole are other terms."""

DIFFERENCE_POWERS = np.setdiff1d(np.arange(3, 25) / 8, 1)
"""p of |x - y|^p that are tried: roots of what drives a flow, squares of what a wind drives, and 3,
of a spring that stiffens."""

POWERS_OF_BOTH = np.array([0.5, 1.5, 4.0])
"""p of x^p - y^p that are tried: of 2 and 3 these are two other terms, 4 is that of radiation."""

SLANTS = 24
"""Lines x = k y whose |x - k y| are tried, evenly by their angle among the values."""

ONE_SIDE = 0.02
"""Share of the values beyond the first and the last of them."""

SECOND_SCALES = 0.1, 0.5, 2.0
"""L that are tried beside each K, as shares of the largest value: both are then refined."""

THRESHOLDS = np.linspace(0.05, 0.95, 16)
"""c of a step that are tried, as shares of the range of the values; of a dead zone, of the largest
of them."""

STEEPNESS = 2.5, 6.0, 20.0, 80.0
"""k of a sigmoid that are tried, times the range of the values: from what bends over all of it, as
the speed that a distance asks for, to a step."""

LEVELS = 12
"""K of log(x / K) that are tried: from one to another x log(x / K) changes by a multiple of x."""

RATIOS = 24
"""K of y / (K x + y) that are tried."""

MOST_RATIOS = 1e3
"""Between the least and the largest of them, which lie around most values of y / x."""

NEGATIVE = 0.02
"""Share of the largest value, to which values of a concentration may lie below 0 by their noise."""


def _nothing(values: np.ndarray) -> bool:
    return not np.ptp(values) > 0


def scales(values: np.ndarray) -> np.ndarray:
    """K as shares of the largest value, which may be of either sign."""
    top = float(np.max(np.abs(values)))
    return np.zeros(0) if _nothing(values) else top * SCALES


def second_scales(*values: np.ndarray) -> tuple[float | None, ...]:
    """L beside each K, shares of the largest value of the last variable."""
    return tuple(float(k * np.max(np.abs(values[-1]))) for k in SECOND_SCALES)


def scales_of_two(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """K beside x of terms of two concentrations x and y."""
    return positive_scales(x) if _concentration(y) else np.zeros(0)


def positive_scales(values: np.ndarray) -> np.ndarray:
    """K as shares of the largest value of a concentration."""
    return scales(values) if _concentration(values) else np.zeros(0)


def rates(values: np.ndarray) -> np.ndarray:
    """Rates k of exp(k x), of growth and of decay."""
    if _nothing(values):
        return np.zeros(0)
    return np.concatenate([-RATES[::-1], RATES]) / np.ptp(values)


def tanh_rates(values: np.ndarray) -> np.ndarray:
    """Rates k of tanh(k x)."""
    return np.zeros(0) if _nothing(values) else RATES / float(np.max(np.abs(values)))


def powers(values: np.ndarray) -> np.ndarray:
    """Powers p of x^p; of what is empty at times roots alone."""
    low, high = float(values.min()), float(values.max())
    if 0 < low < 0.8 * high:
        return POWERS
    # What is empty at times may be measured below 0.
    return POWERS[POWERS > 0] if low <= 0 and _concentration(values) else np.zeros(0)


def energies(values: np.ndarray) -> np.ndarray:
    """E of exp(-E / x) of positive values."""
    low, high = float(values.min()), float(values.max())
    if not 0 < low < high:
        return np.zeros(0)
    return np.concatenate([-RATES[::-1], RATES]) / (1 / low - 1 / high)


def levels(values: np.ndarray) -> np.ndarray:
    """K of log(x / K) of positive values."""
    low, high = float(values.min()), float(values.max())
    return np.geomspace(low, 3 * high, LEVELS) if 0 < low < 0.8 * high else np.zeros(0)


def thresholds(values: np.ndarray) -> np.ndarray:
    """Thresholds c of a step or a hinge, within the values."""
    return np.zeros(0) if _nothing(values) else values.min() + np.ptp(values) * THRESHOLDS


def widths(values: np.ndarray) -> np.ndarray:
    """Widths c of a dead zone or a limit, of values of both signs."""
    both = values.min() < 0 < values.max()
    return float(np.max(np.abs(values))) * THRESHOLDS if both else np.zeros(0)


def steepness(values: np.ndarray) -> tuple[float | None, ...]:
    """Steepness k of a sigmoid beside each of its c."""
    return tuple(k / np.ptp(values) for k in STEEPNESS)


def ratios(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """K of y / (K x + y), around the ratios of two concentrations."""
    if not (_concentration(x) and _concentration(y)):
        return np.zeros(0)
    seen = (x > NEGATIVE * x.max()) & (y > NEGATIVE * y.max())
    if not seen.any():
        return np.zeros(0)
    low, middle, high = np.quantile(y[seen] / x[seen], (0.05, 0.5, 0.95))
    low, high = max(0.3 * low, middle / MOST_RATIOS**0.5), min(3 * high, middle * MOST_RATIOS**0.5)
    return np.geomspace(low, high, RATIOS)


def _concentration(values: np.ndarray) -> bool:
    return not _nothing(values) and values.min() >= -NEGATIVE * values.max()


def product_scales(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """K of x y / (K + x y)."""
    return np.zeros(0) if _nothing(x) or _nothing(y) else positive_scales(x * y)


def radii(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """K of 1 / (1 + (x² + y²) / K²)."""
    return np.zeros(0) if _nothing(x) or _nothing(y) else scales(np.hypot(x, y))


def radial_powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Powers p of (x² + y²)^p."""
    square = x**2 + y**2
    varied = not (_nothing(x) or _nothing(y)) and 0 < square.min() < 0.8 * square.max()
    return RADIAL_POWERS if varied else np.zeros(0)


def difference_powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Powers p of |x - y|^p."""
    if _nothing(x) or _nothing(y):
        return np.zeros(0)
    # Of one sign its square is one of three other terms.
    both = (x - y).min() < 0 < (x - y).max()
    return DIFFERENCE_POWERS if both else np.setdiff1d(DIFFERENCE_POWERS, 2)


def slants(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes k of |x - k y|, of lines that part the values."""
    if _nothing(x) or _nothing(y):
        return np.zeros(0)
    size = np.max(np.abs(x)) / np.max(np.abs(y))
    first, last = np.quantile(np.arctan2(x, size * y) % np.pi, [ONE_SIDE, 1 - ONE_SIDE])
    tried = np.unique(size * np.tan(np.linspace(first, last, SLANTS)))
    above = np.mean(x[:, None] > tried * y[:, None], 0)
    # Of one sign it is two other terms.
    return tried[(above > ONE_SIDE / 2) & (above < 1 - ONE_SIDE / 2)]


def powers_of_both(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Powers p of x^p - y^p of positive values."""
    both = len(powers(x)) and len(powers(y)) and min(x.min(), y.min()) > 0
    return POWERS_OF_BOTH if both else np.zeros(0)
