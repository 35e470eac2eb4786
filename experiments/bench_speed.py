"""Speed, as ratios measured side by side in one run; compilation is timed apart."""

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares
from support import command_line, common, speed_cases

from nsindy.evidence import beam, regression
from nsindy.paper import figures, one_seed, recovery, simulate
from nsindy.paper.runs import RUNS
from nsindy.routers import stlsq, training
from nsindy.runtime import files
from nsindy.terms import library, term
from nsindy.trajectories import single

EXP4 = RUNS["exp4_conditional_entropy"]
NAMES = term.paper_terms(common.SYSTEM.states)


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


def exp4(
    seeds: int, *, shared: bool, samples: int, repeats: int, steps: int = 4000
) -> dict[str, float]:
    """Train Exp 4 on recordings that are made beforehand, so that only training is timed."""
    assert EXP4.routing is not None
    routing = dataclasses.replace(EXP4.routing, shared=shared, steps=steps)
    bound = library.bind(NAMES, common.SYSTEM.states)
    measurement = simulate.Measurement(
        jnp.array([1.0, 0.1]),
        jnp.array([1.0, 0.0]),
        jnp.asarray(30.0 / samples),
        jnp.asarray(1e-3),
    )

    def record(key):
        data = one_seed.record(key, common.SYSTEM, bound, measurement, samples=samples)
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
    compile_seconds, run = timed(train, keys, theta, derivatives, knobs, repeats=repeats)
    return {"compile": compile_seconds, "run": run, "record_and_compress": prepare}


def stlsq_throughput(draws: int, repeats: int) -> dict[str, float]:
    """Fits a second from measured states, Θ and STLSQ, over many noise draws.

    Beside it the seconds of what no STLSQ can do without: Θ of every draw, its normal equations and
    one batched solve.
    """
    bound = library.bind(NAMES, common.SYSTEM.states)
    clean, derivatives, times = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=(draws, *clean.shape))
    states = jnp.asarray(clean[None] + noise)

    def fits(states):
        def one(states):
            theta = library.evaluate(bound, states).theta
            return stlsq.stlsq(theta, jnp.asarray(derivatives), 0.2, ridge=0.01)

        return jax.vmap(one)(states)

    def least(states):
        def one(states):
            theta = library.evaluate(bound, states).theta
            gram = theta.T @ theta + 0.01 * jnp.eye(theta.shape[1])
            return jnp.linalg.solve(gram, theta.T @ jnp.asarray(derivatives))

        return jax.vmap(one)(states)

    compile_seconds, run = timed(fits, states, repeats=repeats)
    found = {"compile": compile_seconds, "run": run, "fits_per_second": draws / run}
    found["library_and_one_solve"] = timed(least, states, repeats=repeats)[1]
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


def proposals(seeds: int, repeats: int) -> dict[str, float]:
    """Run 9 before its trajectory fit: compression and the beam search of both equations."""
    bound = library.bind(NAMES, common.SYSTEM.states)
    prior = regression.prior(bound)
    clean, derivatives, _ = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=(seeds, *clean.shape))
    states = jnp.asarray(clean[None] + noise)

    def propose(states):
        theta = library.evaluate(bound, states).theta
        factor = regression.compress(theta, jnp.asarray(derivatives))
        return recovery.propose(factor, 600.0, prior, equations=2, slots=4).masks

    def every(states):
        return jax.lax.map(propose, states, batch_size=32)

    compile_seconds, run = timed(every, states, repeats=repeats)
    return {"compile": compile_seconds, "run": run}


def subsets(draws: int, repeats: int) -> dict[str, float]:
    """Best subsets of all 2^8 a second, of one equation, beside a loop over NumPy's lstsq."""
    bound = library.bind(NAMES, common.SYSTEM.states)
    clean, derivatives, _ = recording()
    theta = np.asarray(library.evaluate(bound, jnp.asarray(clean)).theta)
    noise = 1e-3 * np.random.default_rng(0).normal(size=(draws, len(theta)))
    targets = derivatives[None, :, 1] + noise
    prior = regression.bic(theta.shape[1])

    def fits(targets):
        def one(target):
            factor = regression.compress(jnp.asarray(theta), target[:, None])
            return beam.best_subset(factor, float(len(theta)), prior, width=1).masks

        return jax.lax.map(one, targets, batch_size=32)

    compile_seconds, run = timed(fits, jnp.asarray(targets), repeats=repeats)
    loop = min(draws, 4)
    masks = [np.flatnonzero([code >> m & 1 for m in range(8)]) for code in range(1, 256)]
    start = time.perf_counter()
    for target in targets[:loop]:
        for mask in masks:
            np.linalg.lstsq(theta[:, mask], target, rcond=None)
    seconds = time.perf_counter() - start
    found = {"compile": compile_seconds, "run": run}
    return found | {"fits_per_second": draws / run, "numpy_fits_per_second": loop / seconds}


def trajectory_fits(draws: int, repeats: int) -> dict[str, float]:
    """Trajectory fits a second of the true support, beside a loop over SciPy's."""
    bound = library.bind(NAMES, common.SYSTEM.states)
    clean, _, times = recording()
    noise = 1e-2 * np.random.default_rng(0).normal(size=(draws, *clean.shape))
    states = clean[None] + noise
    mask = np.zeros((2, len(NAMES)), bool)
    mask[0, 1] = mask[1, 0] = mask[1, 1] = True
    indices = single.slots_of(jnp.asarray(mask), 2)
    begin = jnp.array([[0.9, 0.0], [-0.9, -0.15]])

    def fits(states):
        def one(states):
            record = single.record(jnp.asarray(times), states)
            noise = jnp.full(2, 1e-2)
            found = single.fit(bound, indices, begin, states[0], record, noise, steps=150)
            return found.coefficients

        return jax.lax.map(one, states, batch_size=32)

    compile_seconds, run = timed(fits, jnp.asarray(states), repeats=repeats)

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
        "compile": compile_seconds,
        "run": run,
        "fits_per_second": draws / run,
        "scipy_fits_per_second": loop / seconds,
    }


def recording() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The paper's oscillator without noise: states, derivatives and times."""
    times = jnp.arange(600) * 0.05
    args = jnp.array([1.0, 0.1])
    clean = simulate.solve_system(common.SYSTEM, args, jnp.array([1.0, 0.0]), times)
    derivatives = jax.vmap(lambda y: common.SYSTEM.field(times[0], y, args))(clean)
    return np.asarray(clean), np.asarray(derivatives), np.asarray(times)


def main() -> None:
    """Measure, print the ratios beside their targets, write summary.json."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", default="out/speed", help="folder for summary.json")
    options.add_argument("--repeats", type=int, default=3, help="runs of which the fastest counts")
    options.add_argument("--quick", action="store_true", help="few seeds and steps, as a check")
    options.add_argument("--device", choices=("cpu", "gpu"), help="refuse any other; default: any")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def write_recording(path: Path) -> None:
    """600 noisy samples of the paper's oscillator, as the command reads them."""
    clean, _, times = recording()
    noise = 1e-3 * np.random.default_rng(0).normal(size=clean.shape)
    columns = np.column_stack([times, clean + noise])
    np.savetxt(path, columns, delimiter=",", header="t,x,v", comments="")


def execute(options: argparse.Namespace) -> None:
    """Measure, print and write."""
    found = jax.default_backend()
    if options.device and found != options.device:
        raise ValueError(f"--device {options.device}: JAX finds only {found} here; nothing written")
    out = files.check_folder(options.out)
    jax.config.update("jax_enable_x64", True)
    repeats, quick = options.repeats, options.quick
    few, steps = (4, 100) if quick else (1, 4000)
    one = exp4(1, shared=False, samples=600, repeats=repeats, steps=steps)
    many = exp4(32 // few, shared=False, samples=600, repeats=repeats, steps=steps)
    some = exp4(8, shared=False, samples=600, repeats=repeats, steps=steps)
    shared = exp4(1024 // few**3, shared=True, samples=600, repeats=repeats, steps=steps)
    small = exp4(8, shared=True, samples=600, repeats=5 * repeats, steps=steps)
    large = exp4(
        8, shared=True, samples=6_000 if quick else 1_000_000, repeats=5 * repeats, steps=steps
    )
    draws = stlsq_throughput(1024 // few**3, repeats)
    every = subsets(1024 // few**3, repeats)
    beams = proposals(1024 // few**3, repeats)
    fits = trajectory_fits(256 // few**3, repeats)
    growth = speed_cases.growth(quick=quick, repeats=repeats)
    yardsticks = speed_cases.yardsticks(quick=quick, repeats=repeats)
    devices = speed_cases.devices(quick=quick) if found == "cpu" else []
    processes = speed_cases.processes(write_recording, quick=quick) if found == "cpu" else []
    # t = a + b S through 1 and 8 seeds; 32 : 1 is then (a + 32 b) / (a + b).
    overhead = 1 - (some["run"] - one["run"]) / 7 / one["run"]
    rows = [
        ("Exp 4, 32 seeds, a draw a sample: seconds", many["run"], "<= 10"),
        ("Exp 4, 32 seeds : 1 seed", many["run"] / one["run"], "<= 10"),
        ("share of 1 seed's time that 8 seeds do not multiply", overhead, "–"),
        ("1,024 seeds shared : 32 seeds per sample", shared["run"] / many["run"], "<= 4"),
        ("shared, N = 1,000,000 : N = 600", large["run"] / small["run"], "<= 1.2"),
    ]
    rows += [
        ("Run 9, 1,024 seeds proposed : Exp 4, 32 seeds", beams["run"] / many["run"], "<= 1"),
        (
            "trajectory fits : SciPy loop, throughput",
            fits["fits_per_second"] / fits["scipy_fits_per_second"],
            ">= 20",
        ),
    ]
    ratio = every["fits_per_second"] / every["numpy_fits_per_second"]
    rows.append(("best subset of all 2^8 : NumPy loop, throughput", ratio, "–"))
    if "pysindy_fits_per_second" in draws:
        ratio = draws["fits_per_second"] / draws["pysindy_fits_per_second"]
        rows.append(("STLSQ over 1,024 draws : PySINDy loop, throughput", ratio, ">= 100"))
        most = ratio * draws["run"] / draws["library_and_one_solve"]
        rows.append(("the same, had it to solve but once", most, "–"))
    rows.append(
        (
            "Exp 4, 32 seeds : as many plain Gumbel draws",
            yardsticks["training_over_plain_draws"],
            "<= 2",
        )
    )
    if devices:
        one_device, two_devices = (row["run"] for row in devices)
        rows.append(("shared gates, 1 device : 2 devices in turn", one_device / two_devices, "–"))
    for row in processes:
        for state in ("cold", "warm"):
            rows.append((f"{row['command']}, {state}: seconds", row[f"{state}_seconds"], "–"))
    for name, value, target in rows:
        print(f"{name:<54}{value:>10.2f}   target {target}")
    measured = {
        "exp4_1_seed": one,
        "exp4_8_seeds": some,
        "exp4_32_seeds": many,
        "exp4_1024_seeds_shared": shared,
        "exp4_shared_600_samples": small,
        "exp4_shared_1000000_samples": large,
        "stlsq_1024_draws": draws,
        "best_subset_1024_draws": every,
        "propose_1024_seeds": beams,
        "trajectory_256_fits": fits,
    }
    content = {
        "experiment": "bench_speed",
        "command": common.command(),
        "versions": common.versions(),
        "device": str(jax.devices()[0]),
        "ratios": [{"name": n, "value": v, "target": t} for n, v, t in rows],
        "quick": quick,
        "seconds": measured,
        "growth": growth,
        "yardsticks": yardsticks,
        "devices": devices,
        "processes": processes,
    }
    files.write_json(out / "summary.json", content)
    figures.save(speed_cases.figure(growth), out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")


if __name__ == "__main__":
    main()
