"""The best equations of few plain terms beside an approximation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import nsindy


@pytest.fixture(scope="module")
def driven():
    """A pendulum with a wave that was not recorded, among products of two alone."""
    times = np.linspace(0, 30, 300)
    field = lambda t, y: [y[1], -np.sin(y[0]) - 0.1 * y[1] + 0.3 * np.sin(2.9 * t)]  # noqa: E731
    clean = solve_ivp(field, (0, 30), [1.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-10).y.T
    noisy = clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape)
    knobs = {"states": ["x", "v"], "operations": (), "degree": 2, "forcing": False}
    return nsindy.discover(times, noisy, max_terms=6, **knobs)


def test_it_is_said_with_how_well_one_simulation_follows(driven):
    assert driven.verdict == "approximation"
    said = [line for line in driven.warnings if line.startswith("in few plain terms")]
    assert len(said) == (np.count_nonzero(driven.coefficients, axis=1) > 3).any()
    for line in said:
        law, shares = line.split(": R² of one simulation ")
        assert law.count("' = ") == 2 and ", of the last fifth " in shares


def test_an_equation_has_none_beside_it():
    times = np.linspace(0, 12, 200)
    states = np.stack([np.cos(times), -np.sin(times)], 1)
    noisy = states + 0.005 * np.random.default_rng(0).standard_normal(states.shape)
    found = nsindy.discover(times, noisy, states=["x", "v"], operations=())
    assert found.verdict == "equation"
    assert not any("few plain terms" in line for line in found.warnings)
