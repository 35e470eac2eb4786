"""A recording of Van der Pol's oscillator in segments, and the true equation."""

import diffrax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery.preparation import dictionary, segmentation, smooth_signals
from nsindy.recording.check import Recording
from nsindy.terms import products
from nsindy.trajectories.shooting import Model

TERMS = dictionary.monomials(2, 3)
SPLIT = products.split(TERMS, 8)
USABLE = np.ones(SPLIT.factors, bool)


def place(*arguments):
    names = [term.name(("x", "v")) for term in TERMS]
    return [names.index(a) for a in arguments]


def solution(times, x0=(1.0, 0.5)):
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, a: jnp.array([y[1], -y[0] + 0.8 * (1 - y[0] ** 2) * y[1]])),
        diffrax.Dopri8(),
        times[0],
        times[-1],
        0.01,
        jnp.array(x0),
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-11),
    )
    return np.asarray(solution.ys)


def cut(states, times, *, length=16, substeps=2):
    recording = Recording(times, states, np.zeros((len(times), 0)))
    found, units = smooth_signals.smooth_recordings([recording], 1)
    segments = segmentation.segments(found, units, USABLE, substeps=substeps, length=length)
    return segments, segmentation.beginnings(found, length), units


def model(begin, units):
    """The true equation in scaled units."""
    scale, time = units.states, units.time
    indices = np.array([place("identity(v)", "one()", "one()"), [0, 0, 0]])
    indices[1] = place("identity(x)", "identity(v)", "mul(x,mul(x,v))")
    raw = np.array([[1, 0, 0], [-1, 0.8, -0.8]])
    powers = np.array([[scale[1], 1, 1], [scale[0], scale[1], scale[0] ** 2 * scale[1]]])
    coefficients = raw * powers * time / scale[:, None]
    free = np.array([[True, False, False], [True, True, True]])
    return Model(*map(jnp.asarray, (indices, free, coefficients, begin)))
