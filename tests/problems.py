"""Parts of a discovery made by hand, for the tests of all that is done with them."""

import numpy as np
from scipy.integrate import solve_ivp

from nsindy.discovery.preparation import building, smooth_signals
from nsindy.discovery.preparation.known import NOTHING
from nsindy.discovery.preparation.problem import Prepared, Problem
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Signal
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.evidence.prior import Prior
from nsindy.recording.check import Recording
from nsindy.terms.numbered import WAVE, Inner
from nsindy.trajectories.linearised import Linearised


def solved(field, initial, times):
    """States [N, D] of y' = field(y), by SciPy to ten digits."""
    span = times[0], times[-1]
    return solve_ivp(
        lambda t, y: field(y), span, initial, "DOP853", t_eval=times, rtol=1e-11, atol=1e-12
    ).y.T


def noisy(clean, share, seed=0):
    """States with noise of that share of each one's standard deviation."""
    draws = np.random.default_rng(seed).standard_normal(clean.shape)
    return clean + share * clean.std(0) * draws


def irregular(n=100, seed=0, d=2, u=0) -> Recording:
    """Sines at n random times, and u cosines as inputs."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 10, n))
    states = np.stack([np.sin(times + i) for i in range(d)], 1)
    return Recording(times, states, np.stack([np.cos(times)] * u, 1) if u else np.zeros((n, 0)))


def coefficients(found, equation=0):
    """The terms of an equation with their coefficients and standard errors."""
    row, errors = np.asarray(found.coefficients)[equation], found.standard_errors[equation]
    return {found.terms[m]: (row[m], errors[m]) for m in np.flatnonzero(row)}


def prepared(
    times,
    states,
    *,
    order=1,
    operations=(),
    degree=None,
    floor=None,
    slots=6,
    waves=None,
    inner=(),
    physics=NOTHING,
    inverse=(),
    inputs=None,
) -> Prepared:
    """The problem that one recording poses, its inputs held."""
    inputs = np.zeros((len(times), 0)) if inputs is None else inputs
    parts = [Recording(times, states, inputs)]
    smoothed, units = smooth_signals.smooth_recordings(parts, order, np.ones(inputs.shape[1], bool))
    if waves is not None:
        inner = tuple(Inner(WAVE, v, w) for v, w in enumerate(waves) if w)
    units = units._replace(inner=tuple(inner))
    question = Question(
        order=order, operations=operations, degree=degree, max_terms=slots, noise=floor
    )
    return building.prepare(parts, smoothed, units, question, physics=physics, inverse=inverse)


def signal(states, **changes) -> Signal:
    """A recording of states [N, D] that is known to 1 % of noise."""
    count = states.shape[1]
    made = Signal(
        np.arange(float(len(states))),
        states,
        np.gradient(states, axis=0),
        states,
        np.ones(states.shape, bool),
        np.ones(len(states), bool),
        np.ones(states.shape),
        np.zeros((len(states), 0)),
        np.zeros((len(states), 0)),
        np.full(count, 0.01),
        np.zeros(count, bool),
        np.ones(count, bool),
        float(len(states)),
    )
    return made._replace(**changes)


def narrow(terms=4, equations=1, **changes) -> Problem:
    """A problem of few terms, each of which costs 3 nats."""
    made = Problem(
        None,
        Prior(np.full(terms, 3.0), np.ones(())),
        np.ones((equations, terms), bool),
        np.zeros((equations, terms)),
        np.ones((equations, terms)),
        np.zeros((1, terms + equations)),
        np.zeros((1, terms + equations)),
        np.zeros((1, equations)),
        np.full(equations, 1e-3),
        3,
        np.broadcast_to(np.arange(terms), (equations, terms)),
    )
    return made._replace(**changes)


def candidate(coefficients, **changes) -> Candidate:
    """A support that was fitted, with noise of 0.01 and independent residuals."""
    coefficients = np.asarray(coefficients, float)
    one = np.ones(len(coefficients))
    made = Candidate(
        coefficients != 0,
        coefficients,
        np.zeros((1, len(one))),
        1e-4 * one,
        1e-4 * one,
        one,
        0.0,
        0.0,
    )
    return made._replace(**changes)


def found(chosen, **changes) -> Found:
    """What a search chose among candidates of one score."""
    equations, terms = chosen.mask.shape
    nothing = np.zeros((1, equations * terms))
    made = Found(
        narrow(terms, equations),
        None,
        chosen,
        [chosen],
        [],
        Linearised(nothing[:, :0], nothing, nothing[:, 0]),
        0,
        np.full(equations, 0.01),
        np.full(equations, 100.0),
        True,
    )
    return made._replace(**changes)
