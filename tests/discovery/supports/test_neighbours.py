"""Supports around one that was fitted."""

import numpy as np
from problems import candidate, narrow

from nsindy.discovery.supports import neighbours
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.stretches import Eliminated


def test_a_support_that_another_fits_as_well_is_the_measure_of_its_neighbours():
    """Of two that are the same the ranking shows one; the other still has an evidence."""
    rng, rows = np.random.default_rng(0), 100
    x = np.linspace(-1, 1, rows)
    design = np.stack([x, 2 * x, x**2], 1)
    target = design[:, 1] + 0.1 * rng.standard_normal(rows)
    factor = np.asarray(regression.compress(design / 0.1, target[:, None] / 0.1))
    problem = narrow(3, prior=Prior(np.array([2.0, 3.0, 3.0]), np.ones(())))
    coefficients = np.array([[0.0, 1.0, 0.0]])
    variance = np.array([0.01])
    best = candidate(coefficients, variance=variance, innovation=variance, score=5.0)
    linear = Linearised(factor[:, :0], factor[:, :-1], factor[:, -1])
    ranked = neighbours._ranked(problem, linear, best, np.array([0.1]), np.array([100.0]))
    scores = {tuple(np.flatnonzero(p.mask[0]).tolist()): p.score for p in ranked}
    # The same, for one nat less; nothing else is as good.
    assert abs(scores.pop((0,)) - 6.0) < 1e-6 and max(scores.values()) < 5.0


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
    wide = narrow(terms, 2, floor=np.full(2, 1e-5))
    half, other = truth != 0, truth != 0
    half[0], other[1] = [False] * 5 + [True], [False] * 5 + [True]

    def fitted(mask, score):
        found = np.linalg.lstsq(design * mask.reshape(-1), target, rcond=None)[0]
        left = (target - design @ found).reshape(2, rows)
        variance = np.mean(left**2, 1)
        coefficients = found.reshape(2, terms)
        return candidate(
            coefficients, mask=mask, variance=variance, innovation=variance, score=score
        )

    best, second = fitted(half, 2.0), fitted(other, 1.0)
    pool = {c.mask.tobytes(): c for c in (best, second)}
    samples = np.full(2, float(rows))
    linear = Linearised(factor[:, :0], factor[:, :-1], factor[:, -1])
    near = neighbours.Near(noise, Eliminated(linear, *[None] * 3), [])
    (found,) = neighbours.recombined(wide, near, best, samples, pool, set(pool))
    np.testing.assert_array_equal(found, truth != 0)
    assert not neighbours.recombined(wide, near, best, samples, pool, {*pool, found.tobytes()})
