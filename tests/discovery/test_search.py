"""The parts of the search and of the verdict that have closed forms to compare with."""

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.discovery import candidates, dictionary, neighbours, wording
from nsindy.discovery.problem import Problem
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Chain


def test_equations_of_two_supports_are_recombined():
    """Three terms of the first equation that say little without each other, found by another."""
    rng, rows, terms = np.random.default_rng(0), 200, 6
    x = np.linspace(0, 2, rows)
    theta = np.stack([x, x**2, x**3, np.cos(x), np.sin(5 * x), np.ones(rows)], 1)
    zero = np.zeros_like(theta)
    truth = np.array([[1.0, -2.0, 0.9, 0, 0, 0], [0, 0, 0, 0, 1.0, 0]])
    noise = np.full(2, 0.03)
    design = np.concatenate([np.hstack([theta, zero]), np.hstack([zero, theta])])
    target = design @ truth.reshape(-1) + 0.03 * rng.standard_normal(2 * rows)
    factor = np.asarray(regression.compress(design / 0.03, target[:, None] / 0.03))
    wide = problem(terms)._replace(
        admissible=np.ones((2, terms), bool), known=np.zeros((2, terms)), floor=np.full(2, 1e-5)
    )
    half, other = truth != 0, truth != 0
    half[0], other[1] = [False] * 5 + [True], [False] * 5 + [True]

    def fitted(mask, score):
        found = np.linalg.lstsq(design * mask.reshape(-1), target, rcond=None)[0]
        left = (target - design @ found).reshape(2, rows)
        variance, one = np.mean(left**2, 1), np.ones(2)
        given = (mask, found.reshape(2, terms), np.zeros((1, 2)), variance, variance, one)
        return candidates.Candidate(*given, 0.0, score)

    best, second = fitted(half, 2.0), fitted(other, 1.0)
    pool = {c.mask.tobytes(): c for c in (best, second)}
    samples = np.full(2, float(rows))
    linear = Linearised(factor[:, :0], factor[:, :-1], factor[:, -1])
    near = neighbours.Near(noise, Chain(linear, *[None] * 4), [])
    (found,) = neighbours.recombined(wide, near, best, samples, pool, set(pool))
    np.testing.assert_array_equal(found, truth != 0)
    assert not neighbours.recombined(wide, near, best, samples, pool, {*pool, found.tobytes()})


def candidate(coefficients, innovation):
    one = np.ones(1)
    mask = np.asarray(coefficients) != 0
    return candidates.Candidate(
        mask, np.asarray(coefficients), np.zeros((1, 1)), one, np.asarray(innovation), one, 0.0, 0.0
    )


def problem(terms=4):
    return Problem(
        None,
        Prior(jnp.asarray(np.full(terms, 3.0)), jnp.ones(())),
        np.ones((1, terms), bool),
        np.zeros((1, terms)),
        np.ones((1, terms)),
        None,
        None,
        np.full(1, 1e-3),
        3,
    )


def test_what_does_not_change_along_a_recording_is_found():
    rng, t = np.random.default_rng(0), np.linspace(0, 10, 300)
    a = np.exp(-0.3 * t)
    states = np.stack([a, 5 - 2 * a, 40 * np.cos(t)], 1)
    noise = np.array([0.01, 0.02, 1.0])
    (found,) = wording.conserved(states + noise * rng.standard_normal(states.shape), noise)
    np.testing.assert_allclose(found, [1.0, 0.5, 0.0], rtol=0.02)
    states[:, 1] += 0.1 * np.sin(t)
    assert not wording.conserved(states + noise * rng.standard_normal(states.shape), noise)


def test_score_is_the_evidence_that_is_stated():
    samples = np.array([100.0])
    found = candidates.score(problem(), candidate([[1.0, 0, 0, 0]], [0.04]), samples, initial=1)
    binomial = np.log(4)
    small = 100 / (100 - 1 - 1 - 2)
    expected = -50 * np.log(0.04) - 0.5 * np.log(100) * small - 3.0 - binomial - np.log(1 + 1 / 9)
    assert found == pytest.approx(expected)


def test_a_misfit_below_the_floor_earns_nothing():
    samples = np.array([100.0])
    scores = [
        candidates.score(problem(), candidate([[1.0, 0, 0, 0]], [v]), samples)
        for v in (1e-6, 1e-12)
    ]
    assert scores[0] == scores[1]


def test_a_model_that_leaves_no_measurement_over_has_no_evidence():
    full, few = candidate([[1.0, 1, 1, 0]], [1e-4]), np.array([7.0])
    assert candidates.score(problem(), full, few, initial=2) == -np.inf
    assert np.isfinite(candidates.score(problem(), full, few, initial=1))


def test_terms_that_cancel_cost_more():
    samples = np.array([100.0])
    small, large = (
        candidates.score(problem(), candidate([[a, -a, 0, 0]], [0.04]), samples)
        for a in (1.0, 30.0)
    )
    assert small - large == pytest.approx(2 * np.log((1 + 100) / (1 + 1 / 9)))


def test_costs_count_what_a_term_is_made_of():
    names = [t.name(("x", "y")) for t in dictionary.library(2, 2, operations=("sin", "log"))]
    costs = dict(
        zip(
            names,
            dictionary.costs(dictionary.library(2, 2, operations=("sin", "log"))),
            strict=True,
        )
    )
    assert costs["one()"] == costs["identity(x)"] == 3
    assert costs["mul(x,y)"] == 5 and costs["mul(x,mul(x,y))"] == 7
    assert costs["sin(x)"] == 8 and costs["mul(x,sin(y))"] == 10
    assert costs["log(x)"] == 10
