"""PySINDy's weak form, its threshold chosen on clean test data, as its authors benchmark it.

Reference: Kaptanoglu, Zhang, Nicolaou, Fasel and Brunton (2023), Benchmarking sparse system
identification with low-dimensional chaos, Nonlinear Dynamics 111.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import sympy
from peers import pysindy_grid
from peers.dysts_flows import Flow, Polynomial, monomials

__all__ = ["fitted"]

THRESHOLDS = (0.0, *np.logspace(-3, 0.5, 15).tolist())
"""Thresholds of STLSQ on columns and derivatives of unit scale, and none."""

DEGREES = (2, 3)
WIDTHS = (0.01, 0.02, 0.05)
"""Half-widths of the test functions, as shares of a recording; PySINDy's own is 0.05."""

DOMAINS = 200
"""Test functions of each recording."""


def fitted(
    flow: Flow,
    times: list[np.ndarray],
    states: list[np.ndarray],
    test: np.ndarray,
) -> list[Polynomial]:
    """The equations that the weak form finds with the best of its settings.

    The states are divided by their root mean square, so that one threshold serves all equations.
    The best of the degrees, widths and thresholds is that whose equations give the derivatives of
    clean test data with the smallest error relative to each; of those within a twentieth of it,
    that with the fewest terms.

    Args:
      flow: gives the derivatives of the test data, and nothing else.
      times: of each recording, evenly spaced [N].
      states: of each recording [N, D].
      test: clean states that no recording holds [N, D].

    Raises:
      ValueError: PySINDy is not installed.
    """
    pysindy_grid.pysindy()
    size = np.sqrt(np.mean(np.concatenate(states) ** 2, 0))
    truth = np.array([flow.field(x) for x in test]) / size
    spread = np.sqrt(np.mean(truth**2, 0))
    tried = []
    with pysindy_grid.quiet():
        for degree, width in itertools.product(DEGREES, WIDTHS):
            for found in weak(times, [x / size for x in states], degree, width):
                polynomials = in_units(found, size)
                rates = values(polynomials, test) / size
                error = float(np.mean(np.sqrt(np.mean((rates - truth) ** 2, 0)) / spread))
                tried.append((sum(map(len, polynomials)), error, polynomials))
    best = min(error for _, error, _ in tried)
    return min((each for each in tried if each[1] <= 1.05 * best), key=lambda each: each[0])[2]


def weak(
    times: list[np.ndarray], states: list[np.ndarray], degree: int, width: float
) -> Iterator[list[Polynomial]]:
    """STLSQ with every threshold on one weak library."""
    ps = pysindy_grid.pysindy()
    # PySINDy draws its domains from the global generator.
    np.random.seed(0)  # noqa: NPY002
    library = ps.WeakPDELibrary(
        ps.PolynomialLibrary(degree=degree, include_bias=True),
        spatiotemporal_grid=times[0],
        K=DOMAINS,
        H_xt=[width * times[0][-1]],
        is_uniform=True,
        p=4,
    )
    axes = {"ax_time": 0, "ax_coord": 1}
    arrays = [ps.AxesArray(x, axes) for x in states]
    library.fit(arrays)
    theta = np.concatenate([np.asarray(each) for each in library.transform(arrays)])
    rates = np.concatenate([np.asarray(library.convert_u_dot_integral(x)) for x in arrays])
    symbols = list(sympy.symbols(f"x:{states[0].shape[1]}"))
    powers = [_powers(name, symbols) for name in library.get_feature_names()]
    for threshold in THRESHOLDS:
        optimizer = ps.STLSQ(threshold=threshold, alpha=1e-12).fit(theta, rates)
        rows = np.asarray(optimizer.coef_, float)
        yield [{p: float(c) for p, c in zip(powers, row, strict=True) if c} for row in rows]


def _powers(name: str, symbols: list[sympy.Symbol]) -> tuple[int, ...]:
    """PySINDy writes `x0^2 x1`."""
    written = sympy.sympify(name.replace("^", "**").replace(" ", "*"))
    (powers,) = monomials(written, symbols) or {}
    return powers


def in_units(found: list[Polynomial], size: np.ndarray) -> list[Polynomial]:
    """Equations of scaled states in the units of the recording."""
    return [
        {p: float(c * own / np.prod(size ** np.array(p))) for p, c in row.items()}
        for row, own in zip(found, size, strict=True)
    ]


def values(found: list[Polynomial], states: np.ndarray) -> np.ndarray:
    """Right-hand sides of equations at states [N, D]."""
    columns = [
        sum((c * np.prod(states ** np.array(p), 1) for p, c in row.items()), np.zeros(len(states)))
        for row in found
    ]
    return np.stack(columns, 1)
