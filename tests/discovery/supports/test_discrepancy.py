"""Models that are nearly right: a slow error in place of false terms."""

import numpy as np
import pytest
from problems import solved

import nsindy

TIMES = np.linspace(0, 15, 300)


@pytest.fixture(scope="module")
def cart():
    """A cart with dry friction, seen without a term for it."""

    def field(y):
        return [y[1], -2.0 * y[0] - 0.15 * y[1] - 0.1 * np.tanh(y[1] / 1e-2)]

    clean = solved(field, [2.0, 0.0], TIMES)
    return clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape)


def test_a_slow_error_stands_in_place_of_false_terms(cart):
    # A drive at the natural frequency would stand in for friction as well.
    found = nsindy.discover(TIMES, cart, states=["x", "v"], operations=(), forcing=False)
    terms = [{found.terms[m] for m in np.flatnonzero(row)} for row in found.coefficients]
    # v^3 and x^2 v are the odd terms of v that come nearest to friction.
    assert terms[0] == {"v"} and {"x", "v"} <= terms[1] <= {"x", "v", "v^3", "x^2 v"}
    assert found.verdict == "approximation"
    assert str(found).startswith("no equation found in this library; the best approximation is")
    assert (found.slow_error > found.noise).all() and (found.slow_memory > 0).all()
    assert any("something of that size is missing" in warning for warning in found.warnings)
    stiffness = found.terms.index("x")
    error = found.standard_errors[1, stiffness]
    assert abs(found.coefficients[1, stiffness] + 2.0) < 2 * error
    assert (found.inclusion_probabilities[found.coefficients != 0] >= 0.5).all()


def test_without_friction_there_is_no_slow_error():
    clean = solved(lambda y: [y[1], -2.0 * y[0] - 0.15 * y[1]], [2.0, 0.0], TIMES)
    noisy = clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape)
    found = nsindy.discover(TIMES, noisy, states=["x", "v"], operations=())
    assert found.verdict == "equation" and not found.slow_error.any()
    assert (found.simulation_r2 > 0.999).all()
    assert not str(found).startswith("no equation")
