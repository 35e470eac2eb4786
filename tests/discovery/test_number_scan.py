"""Numbers that are found, and what a forcing does to a recording."""

import numpy as np
from scipy.integrate import solve_ivp

from nsindy.discovery import number_scan
from nsindy.discovery.response import Response


def test_a_forcing_acts_as_the_linear_equation_says():
    """δ' = [[0, 1], [-1, -c]] δ + [0, cos(2 t)], against its solution by SciPy."""
    times = np.linspace(0, 10, 201)
    matrix = np.array([[0.0, 1.0], [-1.0, -0.2]])
    step = times[1] - times[0]
    values, vectors = np.linalg.eig(matrix)
    propagator = np.real(vectors @ np.diag(np.exp(values * step)) @ np.linalg.inv(vectors))
    count = len(times)
    fresh = np.arange(count) == 0
    at = Response(
        times,
        *(np.zeros((count, n)) for n in (2, 1, 2)),
        np.broadcast_to(matrix, (count, 2, 2)),
        np.broadcast_to(propagator, (count - 1, 2, 2)),
        fresh,
        np.zeros((count, 2, 2)),
        np.zeros((count, 2)),
        np.ones((count, 2)),
    )
    force = np.cos(2 * times)[:, None]
    found = at.response([force[:, :0], force]).reshape(count, 2)
    exact = solve_ivp(
        lambda t, y: matrix @ y + [0, np.cos(2 * t)],
        (0, 10),
        (0, 0),
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    ).y.T
    np.testing.assert_allclose(found, exact, atol=2e-4)


def test_as_many_terms_stay_as_there_are_slots():
    """Of the subsets that backward elimination visits, the best that fits; a term with it stays."""
    rng = np.random.default_rng(0)
    design = rng.standard_normal((60, 5))
    target = design @ np.array([3.0, 2.0, 0.1, 1.0, 0.05]) + 0.01 * rng.standard_normal(60)
    columns = np.column_stack([design[:, :3], target, design[:, 3:]])

    def evidence(left, price):
        return -30 * np.log(left) - price

    for slots, expected in ((5, [True] * 5), (3, [True, True, False, True, False])):
        found, (kept,) = number_scan._pruned(columns, np.ones(5), 2, slots, evidence)
        assert kept.tolist() == expected
        left = np.linalg.lstsq(design[:, kept], target, rcond=None)[1][0]
        # A ridge of 1e-10 keeps equal columns apart.
        np.testing.assert_allclose(found, evidence(left, slots), rtol=1e-5)
