"""Numerical modules compiled and operation by operation, against the same references."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from nsindy.circuits import training
from nsindy.evidence import beam, regression
from nsindy.evidence.prior import Prior, bic
from nsindy.paper import savitzky_golay, simulate
from nsindy.paper.systems import DAMPED_OSCILLATOR, oscillator_solution
from nsindy.terms import products
from nsindy.terms import term as terms_term
from nsindy.trajectories import single, single_fit, tangent
from nsindy.trajectories.linearised import Linearised


def problem():
    random = np.random.default_rng(0)
    design = random.normal(size=(40, 4))
    return design, 2 * design[:, 1] - 0.5 * design[:, 3] + 0.1 * random.normal(size=40)


def test_least_squares_of_a_support(variant):
    design, target = problem()
    factor = variant(regression.compress)(jnp.asarray(design), jnp.asarray(target)[:, None])
    found = variant(regression.least_squares)(factor, jnp.array([False, True, True, False]))
    expected, rss = np.linalg.lstsq(design[:, 1:3], target)[:2]
    np.testing.assert_allclose(found.coefficients, [0, *expected, 0], rtol=1e-10)
    np.testing.assert_allclose(found.rss, rss[0], rtol=1e-10)


@pytest.mark.jit_first
def test_search_over_slots(variant):
    design, target = problem()
    factor = regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None])
    found = variant(
        lambda f: beam.beam_search(
            f, 40.0, bic(4), jnp.zeros((1, 4), bool), slots=1, depth=1, width=2
        )
    )(factor)
    np.testing.assert_array_equal(found.masks[0], [[False, True, False, False]])
    left = np.linalg.lstsq(design[:, [1]], target)[1][0]
    np.testing.assert_allclose(found.rss[0], left, rtol=1e-9)


@pytest.mark.jit_first
def test_derivatives_by_local_polynomials(variant):
    states = np.random.default_rng(1).normal(size=(40, 1)).cumsum(axis=0)
    found = variant(lambda s: savitzky_golay.savitzky_golay(s, 0.1, windows=(9,)).derivatives)(
        jnp.asarray(states)
    )
    expected = scipy.signal.savgol_filter(states[:, 0], 9, 4, deriv=1, delta=0.1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8, atol=1e-9)


@pytest.mark.jit_first
def test_solutions_of_the_oscillator(variant):
    args, initial = jnp.array([1.0, 0.1]), jnp.array([1.0, 0.0])
    times = jnp.array([0.0, 1.0])
    found = variant(lambda t: simulate.solve_system(DAMPED_OSCILLATOR, args, initial, t))(times)
    expected = oscillator_solution(times, initial, args)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_products_of_factors(variant):
    state = np.random.default_rng(2).normal(size=(2, 1))
    names = ("identity(x)", "mul(x,sin(v))", "mul(x,mul(v,v))")
    split = products.split([terms_term.parse(name, ("x", "v")) for name in names], 2)
    usable = jnp.ones(len(split.atoms) + 3, bool)
    values = variant(lambda s: products.factor_values(split, s, usable))(jnp.asarray(state))
    x, v = state[:, 0]
    values = np.asarray(values)[:, 0]
    np.testing.assert_allclose(values, [x, v, np.sin(v), 1], rtol=1e-14)
    found = np.prod(values[np.array(split.rows)], axis=1)
    np.testing.assert_allclose(found, [x, x * np.sin(v), x * v**2], rtol=1e-13)


def test_directions_and_active_units_of_a_layer(variant):
    random = np.random.default_rng(3)
    features = random.normal(size=(50, 5)) @ random.normal(size=(5, 5))
    values = np.linalg.eigvalsh(np.cov(features.T))
    found = variant(training.effective_rank)(jnp.asarray(features))
    assert float(found) == pytest.approx(values.sum() ** 2 / np.sum(values**2), rel=1e-10)


def test_slots_of_a_support(variant):
    mask = jnp.array([[False, True, False, True]])
    slots = variant(lambda m: single.slots_of(m, 3))(mask)
    np.testing.assert_array_equal(slots, [[1, 3, 4]])
    values = variant(lambda s: single.dense(s, jnp.array([[2.0, -3.0, 9.0]]), 4))(slots)
    np.testing.assert_array_equal(values, [[0, 2, 0, -3]])


def test_estimates_of_every_term(variant):
    design, target = problem()
    factor = np.linalg.qr(np.column_stack([design, target]), mode="r")
    # The first column is the initial state, which every regression holds.
    columns = jnp.asarray(factor)
    linear = Linearised(columns[:, :1], columns[:, 1:-1], columns[:, -1])
    at = tangent.Tangent(linear, jnp.asarray(40.0))
    found = variant(lambda mask: tangent.estimates(at, mask))(jnp.array([[True, False, True]]))
    for term in range(3):
        held = sorted({0, 1, 3, 1 + term})
        values = np.linalg.lstsq(design[:, held], target)[0]
        errors = np.sqrt(np.diag(np.linalg.inv(design[:, held].T @ design[:, held])))
        place = held.index(1 + term)
        np.testing.assert_allclose(
            [each[0, term] for each in found], [values[place], errors[place]], rtol=1e-9
        )


def test_evidence_of_a_fit(variant):
    record = single.as_record(jnp.arange(10.0), jnp.zeros((10, 1)))
    prior = Prior(jnp.array([3.0, 6.0, 9.0]), jnp.ones(()))
    fit = single_fit.TrajectoryFit(
        jnp.array([[0, 2, 3]]), jnp.ones((1, 3)), jnp.ones(1), jnp.array([0.7]), jnp.array(True)
    )
    found = variant(
        lambda fit: single_fit.evidence_of_fit(fit, record, prior, 3, jnp.array([0.1]))
    )(fit)
    # Two of three terms, at 3 and 9 nats; log C(3, 2) = log 3.
    expected = -5 * np.log(0.07 + 0.01) - np.log(10) - np.log(3) - 12
    assert float(found) == pytest.approx(expected, rel=1e-12)
