"""Throughput of the selectors and fits, beside plain loops over NumPy, SciPy and PySINDy."""

import dataclasses
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from nsindy.evidence import beam, regression
from nsindy.evidence.prior import bic, by_complexity
from nsindy.paper import one_seed, recovery, simulate
from nsindy.routers import stlsq, training
from nsindy.terms import library, term
from nsindy.trajectories import single
from nsindy.trajectories.single_fit import fit_trajectory
from support import speed_cases
from support.experiment import SYSTEM
from support.speed_cases import EXP4, Row

NAMES = term.paper_terms(SYSTEM.states)


class Clean(NamedTuple):
    """A recording without noise: states and derivatives [N, D] at times [N]."""

    states: np.ndarray
    derivatives: np.ndarray
    times: np.ndarray


def exp4(seeds: int, *, shared: bool, samples: int, repeats: int, steps: int = 4000) -> Row:
    """Train Exp 4 on recordings that are made beforehand, so that only training is timed."""
    assert EXP4.routing is not None
    routing = dataclasses.replace(EXP4.routing, shared=shared, steps=steps)
    bound = library.bind(NAMES, SYSTEM.states)
    measurement = simulate.Measurement(
        jnp.array([1.0, 0.1]),
        jnp.array([1.0, 0.0]),
        jnp.asarray(30.0 / samples),
        jnp.asarray(1e-3),
    )

    def record(key):
        data = one_seed.record_system(key, SYSTEM, bound, measurement, samples=samples)
        train = data.trajectory.train
        rows = data.theta[train], data.trajectory.derivatives[train]
        rows = training.compress_samples(*rows) if shared else rows
        return tuple(part.astype(jnp.float32) for part in rows)

    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    start = time.perf_counter()
    theta, derivatives = jax.block_until_ready(jax.jit(jax.vmap(record))(keys))
    prepare = time.perf_counter() - start

    def train(keys, theta, derivatives, knobs):
        def one(key, theta, derivatives):
            def equation(key, target):
                rows = training.RouterSamples(theta, target, theta)
                fitted = training.train_router(key, rows, bound.complexities, knobs, routing)
                return fitted.terms, fitted.params

            return jax.vmap(equation)(jax.random.split(key, 2), derivatives.T)

        chunk = min(seeds, 256 if shared else 32)
        return jax.lax.map(lambda row: one(*row), (keys, theta, derivatives), batch_size=chunk)

    knobs = jax.tree.map(jnp.asarray, EXP4.knobs)
    taken = speed_cases.timed(train, keys, theta, derivatives, knobs, repeats=repeats)
    return {**taken._asdict(), "record_and_compress": prepare}


def stlsq_throughput(draws: int, repeats: int) -> Row:
    """Fits a second from measured states, Θ and STLSQ, over many noise draws.

    Beside it what no STLSQ can do without: Θ of every draw alone, and Θ with its normal equations
    and one batched solve.
    """
    bound = library.bind(NAMES, SYSTEM.states)
    clean, derivatives, times = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=(draws, *clean.shape))
    states = jnp.asarray(clean[None] + noise)

    def every(one):
        # Θ of so many draws stays in a core's cache.
        return lambda states: jax.lax.map(one, states, batch_size=32)

    def theta(states):
        return library.evaluate(bound, states).theta

    def fit(states):
        return stlsq.stlsq(theta(states), jnp.asarray(derivatives), 0.2, ridge=0.01)

    def alone(states):
        return jnp.sum(theta(states), axis=0)

    def solve_once(states):
        rows = jnp.concatenate([theta(states).T, jnp.asarray(derivatives).T])
        products = rows[: len(NAMES)] @ rows.T
        gram = products[:, : len(NAMES)] + 0.01 * jnp.eye(len(NAMES))
        return jnp.linalg.solve(gram, products[:, len(NAMES) :])

    taken = speed_cases.timed(every(fit), states, repeats=repeats)
    found = {
        **taken._asdict(),
        "fits_per_second": draws / taken.run,
        "library": speed_cases.timed(every(alone), states, repeats=repeats).run,
        "library_and_one_solve": speed_cases.timed(every(solve_once), states, repeats=repeats).run,
    }
    try:
        import pysindy
    except ImportError:
        print("pysindy is not installed (pip install 'nsindy[bench]'): its loop is left out")
        return found
    loop = min(draws, 64)
    functions = [
        lambda x: x,
        lambda x: np.sin(x),
        lambda x: np.cos(x),
        lambda x, y: x + y,
        lambda x, y: x * y,
    ]
    start = time.perf_counter()
    for i in range(loop):
        model = pysindy.SINDy(
            optimizer=pysindy.STLSQ(threshold=0.2, alpha=0.01),
            feature_library=pysindy.CustomLibrary(functions),
        )
        model.fit(np.asarray(states[i]), t=times, x_dot=derivatives)
    seconds = time.perf_counter() - start
    return found | {"pysindy_fits_per_second": loop / seconds}


def proposals(seeds: int, repeats: int) -> Row:
    """Run 9 before its trajectory fit: compression and the beam search of both equations."""
    bound = library.bind(NAMES, SYSTEM.states)
    prior = by_complexity(bound.complexities)
    clean, derivatives, _ = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=(seeds, *clean.shape))
    states = jnp.asarray(clean[None] + noise)

    def propose(states):
        theta = library.evaluate(bound, states).theta
        factor = regression.compress(theta, jnp.asarray(derivatives))
        return recovery.propose(factor, 600.0, prior, equations=2, slots=4).masks

    def every(states):
        return jax.lax.map(propose, states, batch_size=32)

    taken = speed_cases.timed(every, states, repeats=repeats)
    return {**taken._asdict()}


def subsets(draws: int, repeats: int) -> Row:
    """Best subsets of all 2^8 a second, of one equation, beside a loop over NumPy's lstsq."""
    bound = library.bind(NAMES, SYSTEM.states)
    clean, derivatives, _ = recording()
    theta = np.asarray(library.evaluate(bound, jnp.asarray(clean)).theta)
    noise = 1e-3 * np.random.default_rng(0).normal(size=(draws, len(theta)))
    targets = derivatives[None, :, 1] + noise
    prior = bic(theta.shape[1])

    def fits(targets):
        def one(target):
            factor = regression.compress(jnp.asarray(theta), target[:, None])
            return beam.best_subset(factor, float(len(theta)), prior, width=1).masks

        return jax.lax.map(one, targets, batch_size=32)

    taken = speed_cases.timed(fits, jnp.asarray(targets), repeats=repeats)
    loop = min(draws, 4)
    masks = [np.flatnonzero([code >> m & 1 for m in range(8)]) for code in range(1, 256)]
    start = time.perf_counter()
    for target in targets[:loop]:
        for mask in masks:
            np.linalg.lstsq(theta[:, mask], target, rcond=None)
    seconds = time.perf_counter() - start
    found = {**taken._asdict()}
    return found | {"fits_per_second": draws / taken.run, "numpy_fits_per_second": loop / seconds}


def trajectory_fits(draws: int, repeats: int) -> Row:
    """Trajectory fits a second of the true support, beside a loop over SciPy's."""
    bound = library.bind(NAMES, SYSTEM.states)
    clean, _, times = recording()
    noise = 1e-2 * np.random.default_rng(0).normal(size=(draws, *clean.shape))
    states = clean[None] + noise
    mask = np.zeros((2, len(NAMES)), bool)
    mask[0, 1] = mask[1, 0] = mask[1, 1] = True
    indices = single.slots_of(jnp.asarray(mask), 2)
    begin = jnp.array([[0.9, 0.0], [-0.9, -0.15]])

    def fits(states):
        def one(states):
            record = single.as_record(jnp.asarray(times), states)
            noise = jnp.full(2, 1e-2)
            found = fit_trajectory(bound, indices, begin, states[0], record, noise, steps=150)
            return found.coefficients

        return jax.lax.map(one, states, batch_size=32)

    taken = speed_cases.timed(fits, jnp.asarray(states), repeats=repeats)

    def residual(parameters, measured):
        v, k, c, x0, v0 = parameters
        solved = solve_ivp(
            lambda t, y: [v * y[1], k * y[0] + c * y[1]],
            (times[0], times[-1]),
            [x0, v0],
            t_eval=times,
            rtol=1e-8,
            atol=1e-8,
        )
        return (solved.y.T - measured).ravel() / 1e-2

    loop = min(draws, 5)
    start = time.perf_counter()
    for measured in states[:loop]:
        least_squares(residual, [0.9, -0.9, -0.15, *measured[0]], args=(measured,))
    seconds = time.perf_counter() - start
    return {
        **taken._asdict(),
        "fits_per_second": draws / taken.run,
        "scipy_fits_per_second": loop / seconds,
    }


def recording() -> Clean:
    """The paper's oscillator without noise."""
    times = jnp.arange(600) * 0.05
    args = jnp.array([1.0, 0.1])
    clean = simulate.solve_system(SYSTEM, args, jnp.array([1.0, 0.0]), times)
    derivatives = jax.vmap(lambda y: SYSTEM.field(times[0], y, args))(clean)
    return Clean(np.asarray(clean), np.asarray(derivatives), np.asarray(times))
