"""Speed, as ratios measured side by side in one run; compilation is timed apart."""

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import common
import jax
import jax.numpy as jnp
import numpy as np

from nsindy import fit, library, results, simulate, stlsq, study, terms
from nsindy.runs import RUNS

EXP4 = RUNS["exp4_conditional_entropy"]
NAMES = terms.paper_terms(common.SYSTEM.states)


def timed(function: Callable[..., Any], *args: Any, repeats: int = 3) -> tuple[float, float]:
    """Seconds of compilation and the least seconds of a run."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    compile_seconds = time.perf_counter() - start
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*args))
        seconds.append(time.perf_counter() - start)
    return compile_seconds, min(seconds)


def exp4(seeds: int, *, shared: bool, samples: int, repeats: int) -> dict[str, float]:
    """Train Exp 4 on recordings that are made beforehand, so that only training is timed."""
    assert EXP4.routing is not None
    routing = dataclasses.replace(EXP4.routing, shared=shared)
    bound = library.bind(NAMES, common.SYSTEM.states)
    measurement = simulate.Measurement(
        jnp.array([1.0, 0.1]),
        jnp.array([1.0, 0.0]),
        jnp.asarray(30.0 / samples),
        jnp.asarray(1e-3),
    )

    def record(key):
        data = study.record(key, common.SYSTEM, bound, measurement, samples=samples)
        train = data.trajectory.train
        rows = data.theta[train], data.trajectory.derivatives[train]
        rows = fit.compress(*rows) if shared else rows
        return tuple(part.astype(jnp.float32) for part in rows)

    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    start = time.perf_counter()
    theta, derivatives = jax.block_until_ready(jax.jit(jax.vmap(record))(keys))
    prepare = time.perf_counter() - start

    def train(keys, theta, derivatives, knobs):
        def one(key, theta, derivatives):
            def equation(key, target):
                rows = fit.Samples(theta, target, theta)
                fitted = fit.train(key, rows, bound.complexities, knobs, routing)
                return fitted.terms, fitted.params

            return jax.vmap(equation)(jax.random.split(key, 2), derivatives.T)

        chunk = min(seeds, 256 if shared else 32)
        return jax.lax.map(lambda row: one(*row), (keys, theta, derivatives), batch_size=chunk)

    knobs = jax.tree.map(jnp.asarray, EXP4.knobs)
    compile_seconds, run = timed(train, keys, theta, derivatives, knobs, repeats=repeats)
    return {"compile": compile_seconds, "run": run, "record_and_compress": prepare}


def stlsq_throughput(draws: int, repeats: int) -> dict[str, float]:
    """Fits a second from measured states: Θ, compression and STLSQ, over many noise draws."""
    bound = library.bind(NAMES, common.SYSTEM.states)
    clean, derivatives, times = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=(draws, *clean.shape))
    states = jnp.asarray(clean[None] + noise)

    def fits(states):
        def one(states):
            theta = library.evaluate(bound, states).theta
            rows = fit.compress(theta, jnp.asarray(derivatives))
            scale = jnp.sqrt(theta.shape[0] / rows[0].shape[0])
            return stlsq.stlsq(scale * rows[0], scale * rows[1], 0.2, ridge=0.01)

        return jax.vmap(one)(states)

    compile_seconds, run = timed(fits, states, repeats=repeats)
    found = {"compile": compile_seconds, "run": run, "fits_per_second": draws / run}
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


def recording() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The paper's oscillator without noise: states, derivatives and times."""
    times = jnp.arange(600) * 0.05
    args = jnp.array([1.0, 0.1])
    clean = simulate.solve(common.SYSTEM, args, jnp.array([1.0, 0.0]), times)
    derivatives = jax.vmap(lambda y: common.SYSTEM.field(times[0], y, args))(clean)
    return np.asarray(clean), np.asarray(derivatives), np.asarray(times)


def main() -> None:
    """Measure, print the ratios beside their targets, write summary.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="out/speed", help="folder for summary.json")
    options.add_argument("--repeats", type=int, default=3, help="runs of which the fastest counts")
    arguments = options.parse_args()
    common.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Measure, print and write."""
    out = results.check_folder(options.out)
    jax.config.update("jax_enable_x64", True)
    repeats = options.repeats
    one = exp4(1, shared=False, samples=600, repeats=repeats)
    many = exp4(32, shared=False, samples=600, repeats=repeats)
    shared = exp4(1024, shared=True, samples=600, repeats=repeats)
    small = exp4(8, shared=True, samples=600, repeats=repeats)
    large = exp4(8, shared=True, samples=1_000_000, repeats=repeats)
    draws = stlsq_throughput(1024, repeats)
    rows = [
        ("Exp 4, 32 seeds, a draw a sample: seconds", many["run"], "<= 10"),
        ("Exp 4, 32 seeds : 1 seed", many["run"] / one["run"], "<= 10"),
        ("1,024 seeds shared : 32 seeds per sample", shared["run"] / many["run"], "<= 4"),
        ("shared, N = 1,000,000 : N = 600", large["run"] / small["run"], "<= 1.2"),
    ]
    if "pysindy_fits_per_second" in draws:
        ratio = draws["fits_per_second"] / draws["pysindy_fits_per_second"]
        rows.append(("STLSQ over 1,024 draws : PySINDy loop, throughput", ratio, ">= 100"))
    for name, value, target in rows:
        print(f"{name:<54}{value:>10.2f}   target {target}")
    measured = {
        "exp4_1_seed": one,
        "exp4_32_seeds": many,
        "exp4_1024_seeds_shared": shared,
        "exp4_shared_600_samples": small,
        "exp4_shared_1000000_samples": large,
        "stlsq_1024_draws": draws,
    }
    content = {
        "experiment": "bench_speed",
        "command": common.command(),
        "versions": common.versions(),
        "device": str(jax.devices()[0]),
        "ratios": [{"name": n, "value": v, "target": t} for n, v, t in rows],
        "seconds": measured,
    }
    results.write_json(out / "summary.json", content)
    print(f"wrote {out / 'summary.json'}")


if __name__ == "__main__":
    main()
