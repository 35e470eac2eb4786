"""How time grows with seeds, samples, terms, slots and devices; what the machine could do."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from nsindy.paper.runs import RUNS
from nsindy.routers import settings, training

EXP4 = RUNS["exp4_conditional_entropy"]
Row = dict[str, Any]


class Seconds(NamedTuple):
    """Of compilation, the least of the runs, and the least processor time of a run on all cores."""

    compile: float
    run: float
    cpu: float


def timed(function: Callable[..., Any], *args: Any, repeats: int) -> Seconds:
    """Compile a function of arrays, run it `repeats` times, and time both."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    compile_seconds = time.perf_counter() - start
    taken, busy = [], []
    for _ in range(repeats):
        start, began = time.perf_counter(), time.process_time()
        jax.block_until_ready(compiled(*args))
        taken.append(time.perf_counter() - start)
        busy.append(time.process_time() - began)
    return Seconds(compile_seconds, min(taken), min(busy))


def train(
    seeds: int, *, samples: int, terms: int, slots: int, steps: int, shared: bool, repeats: int
) -> float:
    """Seconds to train Exp 4's router on one random regression for each seed."""
    routing = settings.Routing(slots=slots, steps=steps, shared=shared)
    theta = jax.random.normal(jax.random.key(1), (samples, terms), jnp.float32)
    target = theta[:, 0] - 0.1 * theta[:, 1]

    def every(keys, theta, target):
        if shared:
            rows, right = training.compress_samples(theta, target[:, None])
            theta, target = rows, right[:, 0]
        given = training.RouterSamples(theta, target, theta)

        def one(key):
            found = training.train_router(key, given, np.zeros(terms), EXP4.knobs, routing)
            return found.terms, found.params

        return jax.vmap(one)(keys)

    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    return timed(every, keys, theta, target, repeats=repeats).run


def growth(*, quick: bool, repeats: int) -> list[Row]:
    """Seconds against seeds, N, M and K, one of them changed at a time."""
    plain = {"samples": 600, "terms": 8, "slots": 2, "steps": 20 if quick else 100}
    runs: list[tuple[str, int, dict[str, Any]]] = []
    for shared, most in ((True, 100_000), (False, 100)):
        name = "seeds, one draw for all samples" if shared else "seeds, a draw a sample"
        counts = [10**power for power in range(6) if 10**power <= (10 if quick else most)]
        runs += [(name, seeds, {"seeds": seeds, "shared": shared}) for seeds in counts]
    for name, key, shared, values in (
        ("samples, one draw for all", "samples", True, (600, 10_000, 100_000, 1_000_000)),
        ("samples, a draw for each", "samples", False, (600, 10_000, 100_000, 1_000_000)),
        ("terms", "terms", True, (8, 32, 64, 128, 256)),
        ("slots", "slots", True, (1, 2, 4, 8)),
    ):
        for value in values[:2] if quick else values:
            case: dict[str, Any] = {"seeds": 1 if key == "samples" else 64, "shared": shared}
            if key == "samples" and not shared and value > 10_000:
                case["steps"] = plain["steps"] // 10
            runs.append((name, value, case | {key: value}))
    rows = []
    for name, value, case in runs:
        settings = plain | case
        taken = train(**settings, repeats=repeats)
        rows.append({"of": name, "value": value, **settings, "seconds": taken})
        rows[-1]["seeds_times_steps_per_second"] = settings["seeds"] * settings["steps"] / taken
    return rows


def yardsticks(*, quick: bool, repeats: int) -> Row:
    """What plain programs reach: a matrix product, and as many Gumbel draws as training makes."""
    size, seeds, steps = (256, 2, 20) if quick else (2048, 32, 200)
    found: Row = {}
    for dtype in (jnp.float32, jnp.float64):
        square = jnp.ones((size, size), dtype)
        taken = timed(lambda a: a @ a, square, repeats=repeats).run
        found[f"matrix_product_{dtype.__name__}_gflops"] = 2e-9 * size**3 / taken
    draws = seeds * 8 * 480 * 2  # every slot has noise of its own

    def plain(key):
        def step(total, index):
            noise = jax.random.gumbel(jax.random.fold_in(key, index), (draws,), jnp.float32)
            return total + noise, None

        return jax.lax.scan(step, jnp.zeros(draws, jnp.float32), jnp.arange(steps))[0]

    drawn = timed(plain, jax.random.key(0), repeats=repeats).run
    case = {"samples": 480, "terms": 8, "slots": 2, "steps": steps, "shared": False}
    trained = train(seeds, **case, repeats=repeats)  # type: ignore[arg-type]
    return found | {
        "plain_gumbel_seconds": drawn,
        "training_with_the_same_draws_seconds": trained,
        "training_over_plain_draws": trained / drawn,
    }


def devices(*, quick: bool) -> list[Row]:
    """Seconds of 4,096 shared-gate seeds of Exp 4 on one and on two devices of the processor."""
    script = Path(__file__).parents[1] / "exp4_conditional_entropy.py"
    size = ["--seeds", "64", "--steps", "20"] if quick else ["--seeds", "4096", "--steps", "400"]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for count in (1, 2):
            out = Path(scratch) / str(count)
            command = [sys.executable, str(script), "--gates", "shared", "--quiet", *size]
            command += ["--cpu-devices", str(count), "--out", str(out)]
            subprocess.run(command, check=True, capture_output=True)
            taken = json.loads((out / "summary.json").read_text(encoding="utf-8"))["seconds"]
            rows.append({"devices": count, "command": " ".join(command[2:-2]), **taken})
    return rows


def processes(recording: Callable[[Path], None], *, quick: bool) -> list[Row]:
    """Seconds of whole processes: cold (an empty cache of programs), and again with that cache.

    Quick, only the help.
    """
    here = Path(__file__).parents[1]
    seeds = "32"
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recording(folder / "recording.csv")
        module = [sys.executable, "-m", "nsindy"]
        commands = {
            "nsindy --help": [*module, "--help"],
            f"exp4 --seeds {seeds}": [sys.executable, str(here / "exp4_conditional_entropy.py")],
            f"exp8 --seeds {seeds}": [sys.executable, str(here / "exp8_evidence_router.py")],
            "nsindy discover, 600 points": [*module, "discover", str(folder / "recording.csv")],
        }
        for number, (name, command) in enumerate(commands.items()):
            if name.startswith("exp"):
                command += ["--seeds", seeds]
            if quick and number:
                break
            row: Row = {"command": name}
            variables = os.environ | {"XDG_CACHE_HOME": str(folder / f"cache{number}")}
            variables.pop("JAX_COMPILATION_CACHE_DIR", None)
            for state in ("cold", "warm"):
                own = command
                if name != "nsindy --help":
                    own = [*command, "--out", str(folder / f"out{number}{state}")]
                start = time.perf_counter()
                subprocess.run(own, check=True, capture_output=True, env=variables)
                row[f"{state}_seconds"] = time.perf_counter() - start
            rows.append(row)
    return rows


def figure(rows: list[Row]) -> Figure:
    """Seconds against seeds, samples, terms and slots, as multiples of each line's first point."""
    drawn = Figure(figsize=(10, 3.8), layout="constrained")
    axes = drawn.subplots(1, 3)
    kinds = {"seeds": axes[0], "samples": axes[1], "terms": axes[2], "slots": axes[2]}
    for name in dict.fromkeys(row["of"] for row in rows):
        mine = [row for row in rows if row["of"] == name]
        values = np.array([row["value"] for row in mine])
        taken = np.array([row["seconds"] / row["steps"] for row in mine])
        axis = kinds[name.split(",")[0]]
        words = f"{name}:\n{1e3 * taken[0]:.2g} ms at {values[0]:,}"
        (line,) = axis.loglog(values, taken / taken[0], "o-", markersize=4, label=words)
        axis.loglog(values, values / values[0], ":", color=line.get_color(), alpha=0.5)
    for axis, label in zip(axes, ("seeds", "samples N", "terms M, slots K"), strict=True):
        low, high = axis.get_ylim()
        # Room for the legend.
        axis.set(xlabel=label, ylim=(low, high**1.6))
        axis.legend(fontsize=8, loc="upper left")
    axes[0].set(ylabel="time of a training step, first point = 1")
    drawn.suptitle("Time of a training step of Exp 4 against its size; dotted: in proportion")
    return drawn
