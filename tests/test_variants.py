"""Numerical rooms compiled and operation by operation, against the same references."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from nsindy import (
    beam,
    derivatives,
    evidence,
    grokking,
    products,
    simulate,
    terms,
)
from nsindy.systems import DAMPED_OSCILLATOR, oscillator_solution


def problem():
    random = np.random.default_rng(0)
    design = random.normal(size=(40, 4))
    return design, 2 * design[:, 1] - 0.5 * design[:, 3] + 0.1 * random.normal(size=40)


def test_least_squares_of_a_support(variant):
    design, target = problem()
    factor = variant(evidence.compress)(jnp.asarray(design), jnp.asarray(target)[:, None])
    found = variant(evidence.solve)(factor, jnp.array([False, True, True, False]))
    expected, rss = np.linalg.lstsq(design[:, 1:3], target)[:2]
    np.testing.assert_allclose(found.coefficients, [0, *expected, 0], rtol=1e-10)
    np.testing.assert_allclose(found.rss, rss[0], rtol=1e-10)


def test_search_over_slots(variant):
    design, target = problem()
    factor = evidence.compress(jnp.asarray(design), jnp.asarray(target)[:, None])
    found = variant(
        lambda f: beam.search(
            f, 40.0, evidence.bic(4), jnp.zeros((1, 4), bool), slots=1, depth=1, width=2
        )
    )(factor)
    np.testing.assert_array_equal(found.masks[0], [[False, True, False, False]])
    left = np.linalg.lstsq(design[:, [1]], target)[1][0]
    np.testing.assert_allclose(found.rss[0], left, rtol=1e-9)


def test_derivatives_by_local_polynomials(variant):
    states = np.random.default_rng(1).normal(size=(40, 1)).cumsum(axis=0)
    found = variant(lambda s: derivatives.savitzky_golay(s, 0.1, windows=(9,)).derivatives)(
        jnp.asarray(states)
    )
    expected = scipy.signal.savgol_filter(states[:, 0], 9, 4, deriv=1, delta=0.1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8, atol=1e-9)


def test_solutions_of_the_oscillator(variant):
    args, initial = jnp.array([1.0, 0.1]), jnp.array([1.0, 0.0])
    times = jnp.array([0.0, 1.0])
    found = variant(lambda t: simulate.solve(DAMPED_OSCILLATOR, args, initial, t))(times)
    expected = oscillator_solution(times, initial, args)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_products_of_factors(variant):
    state = np.random.default_rng(2).normal(size=2)
    names = ("identity(x)", "mul(x,sin(v))", "mul(x,mul(v,v))")
    split = products.split([terms.parse(name, ("x", "v")) for name in names], 2)
    usable = jnp.ones(len(split.atoms) + 3, bool)
    values = variant(lambda s: products.factor_values(split, s, usable))(jnp.asarray(state))
    x, v = state
    np.testing.assert_allclose(values, [x, v, np.sin(v), 1], rtol=1e-14)
    found = np.prod(np.asarray(values)[np.array(split.rows)], axis=1)
    np.testing.assert_allclose(found, [x, x * np.sin(v), x * v**2], rtol=1e-13)


def test_directions_and_active_units_of_a_layer(variant):
    random = np.random.default_rng(3)
    features = random.normal(size=(50, 5)) @ random.normal(size=(5, 5))
    values = np.linalg.eigvalsh(np.cov(features.T))
    found = variant(grokking.effective_rank)(jnp.asarray(features))
    assert float(found) == pytest.approx(values.sum() ** 2 / np.sum(values**2), rel=1e-10)
