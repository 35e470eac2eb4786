"""Θ of the paper on a decaying orbit, shared by the tests of evidence."""

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.terms import library

SAMPLES = 200


@pytest.fixture(scope="module")
def oscillator(exact):
    """Θ of a decaying orbit, and v' = -x - 0.1 v with white noise."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 20, SAMPLES)
    states = np.stack([np.exp(-0.05 * t) * np.cos(t), -np.exp(-0.05 * t) * np.sin(t)], 1)
    theta = np.asarray(library.evaluate(exact, jnp.asarray(states)).theta)
    target = theta @ np.array([-1, -0.1, 0, 0, 0, 0, 0, 0.0]) + 0.01 * rng.normal(size=SAMPLES)
    return theta, target
