"""PySINDy's weak form, its threshold chosen on clean test data, as its authors benchmark it.

Reference: Kaptanoglu, Zhang, Nicolaou, Fasel and Brunton (2023), Benchmarking sparse system
identification with low-dimensional chaos, Nonlinear Dynamics 111.
"""

import numpy as np
import sympy
from peers import pysindy_grid
from peers.dysts_flows import Flow, Polynomial, monomials

__all__ = ["fitted"]

THRESHOLDS = (0.0, *np.logspace(-4, 0.5, 19).tolist())
"""Thresholds of STLSQ on columns and derivatives of unit scale, and none."""

DEGREE = 3
DOMAINS = 200
"""Test functions of each recording."""


def fitted(
    flow: Flow,
    times: list[np.ndarray],
    states: list[np.ndarray],
    test: np.ndarray,
) -> list[Polynomial]:
    """The equations that the weak form finds with the best of its thresholds.

    The states are divided by their root mean square, so that one threshold serves all equations.
    The best threshold is that whose equations give the derivatives of clean test data with the
    smallest error relative to each; of those within a hundredth of it, the fewest terms.

    Args:
      flow: gives the derivatives of the test data, and nothing else.
      times: of each recording, evenly spaced [N].
      states: of each recording [N, D].
      test: clean states that no recording holds [N, D].

    Raises:
      ValueError: PySINDy is not installed.
    """
    ps = pysindy_grid.pysindy()
    size = np.sqrt(np.mean(np.concatenate(states) ** 2, 0))
    scaled = [x / size for x in states]
    truth = np.array([flow.field(x) for x in test]) / size
    spread = np.sqrt(np.mean(truth**2, 0))
    tried = []
    # PySINDy draws its domains from the global generator.
    np.random.seed(0)  # noqa: NPY002
    with pysindy_grid.quiet():
        for threshold in THRESHOLDS:
            library = ps.WeakPDELibrary(
                ps.PolynomialLibrary(degree=DEGREE, include_bias=True),
                spatiotemporal_grid=times[0],
                K=DOMAINS,
                is_uniform=True,
                p=4,
            )
            optimizer = ps.STLSQ(threshold=threshold, alpha=1e-12)
            model = ps.SINDy(optimizer=optimizer, feature_library=library)
            try:
                model.fit(scaled, t=times[0])
            except (ValueError, np.linalg.LinAlgError):
                continue
            coefficients = np.asarray(model.coefficients(), float)
            found = equations(model, coefficients, size)
            rates = values(found, test) / size
            error = float(np.mean(np.sqrt(np.mean((rates - truth) ** 2, 0)) / spread))
            tried.append((int(np.count_nonzero(coefficients)), error, found))
    if not tried:
        return [{} for _ in flow.truth]
    best = min(error for _, error, _ in tried)
    return min((each for each in tried if each[1] <= 1.01 * best), key=lambda each: each[0])[2]


def equations(model, coefficients: np.ndarray, size: np.ndarray) -> list[Polynomial]:
    """A fitted model's equations in the units of the recording."""
    symbols = list(sympy.symbols(f"x:{len(size)}"))
    names = [str(name) for name in model.get_feature_names()]
    rows = []
    for row, own in zip(coefficients, size, strict=True):
        found: Polynomial = {}
        for value, name in zip(row, names, strict=True):
            written = sympy.sympify(name.replace("^", "**").replace(" ", "*"))
            (powers,) = monomials(written, symbols) or {}
            if value:
                found[powers] = float(value * own / np.prod(size ** np.array(powers)))
        rows.append(found)
    return rows


def values(found: list[Polynomial], states: np.ndarray) -> np.ndarray:
    """Right-hand sides of equations at states [N, D]."""
    columns = [
        sum((c * np.prod(states ** np.array(p), 1) for p, c in row.items()), np.zeros(len(states)))
        for row in found
    ]
    return np.stack(columns, 1)
