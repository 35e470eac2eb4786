"""Motions of systems of which one state is not measured, with derivatives in closed form."""

import numpy as np
from scipy.integrate import solve_ivp

from nsindy.discovery.preparation.gauge import Motion


def prey(count=400):
    """Hares with y' = y (a - w), w' = w (y - 1), and their derivatives in closed form."""
    a = 1.5
    t = np.linspace(0, 10, count)
    y, w = solve_ivp(
        lambda t, x: [x[0] * (a - x[1]), x[1] * (x[0] - 1)], (0, 10), [2.0, 1.0], t_eval=t,
        rtol=1e-10, atol=1e-12,
    ).y  # fmt: skip
    rate = y * (a - w)
    bend = rate * (a - w) - y * w * (y - 1)
    near = np.ones(count, bool)
    none, first = np.zeros((0, count)), np.arange(count) == 0
    motion = Motion(y[None], rate[None], bend[None], none, none, t, first, near, 1e-5)
    return motion, a, w


def room(count=600):
    """A room y with walls h, weather v and a heater w that is switched, and the numbers of both.

    y' = 0.9 (h - y) + 0.13 (v - y) + 0.62 w,  h' = 0.06 (y - h) + 0.012 (v - h)
    """
    t = np.linspace(0, 100, count)
    each = 30
    heat = np.repeat(np.random.default_rng(1).choice([0.0, 1.5, 3.0], count // each), each)
    y, h = np.zeros((2, count))
    y[0], h[0] = 19.0, 16.0

    def slopes(t, x, w):
        v = 5 + 6 * np.sin(0.26 * t)
        return [
            0.9 * (x[1] - x[0]) + 0.13 * (v - x[0]) + 0.62 * w,
            0.06 * (x[0] - x[1]) + 0.012 * (v - x[1]),
        ]

    for i in range(count - 1):
        ends = solve_ivp(slopes, t[i : i + 2], [y[i], h[i]], args=(heat[i],), rtol=1e-9, atol=1e-11)
        y[i + 1], h[i + 1] = ends.y[:, -1]
    v, rates = 5 + 6 * np.sin(0.26 * t), np.array(slopes(t, (y, h), heat))
    warming = 6 * 0.26 * np.cos(0.26 * t)
    bend = 0.9 * (rates[1] - rates[0]) + 0.13 * (warming - rates[0])
    first, near = np.arange(count) == 0, np.ones(count, bool)
    inputs, changes = np.array([v, heat]), np.array([warming, np.zeros(count)])
    return Motion(y[None], rates[:1], bend[None], inputs, changes, t, first, near, 1e-5)
