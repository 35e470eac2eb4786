"""A damped oscillator's recording, its closed form, and its equation in slots."""

import jax.numpy as jnp
import numpy as np

STEPS = 100
NOISE = 0.02
TIMES = np.linspace(0.0, 12.0, 150)
K, C = 1.5, 0.3
TRUE = np.array([1.0, -K, -C])
INDICES = np.array([[1, 8], [0, 1]])
"""x' = ξ₁ identity(v), v' = ξ₂ identity(x) + ξ₃ identity(v) in two slots each."""


def closed_form(t, k=K, c=C, x0=1.0):
    w, g = np.sqrt(k - c * c / 4), c / 2
    x = np.exp(-g * t) * x0 * (np.cos(w * t) + g / w * np.sin(w * t))
    v = -np.exp(-g * t) * x0 * (w + g * g / w) * np.sin(w * t)
    return np.stack([x, v], 1)


def measured(seed):
    noise = NOISE * np.random.default_rng(seed).normal(size=(len(TIMES), 2))
    return closed_form(TIMES) + noise


def slots(values):
    return jnp.asarray([[values[0], 0.0], [values[1], values[2]]])
