"""What every experiment shares: its options, the sweep over seeds, the summary and the figure."""

import argparse
import dataclasses
import importlib.metadata
import math
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

# The solver's checks are host callbacks, which keep a program out of the compilation cache; with
# "nan" a failed check gives a run that is not finite, and its row says that it diverged.
os.environ.setdefault("EQX_ON_ERROR", "nan")

import jax
import jax.numpy as jnp
import numpy as np

from nsindy import (
    circuits,
    collinearity,
    fit,
    library,
    results,
    selectors,
    snap,
    study,
    summary,
    sweep,
    tangent,
    terms,
    trajectory,
)
from nsindy.runs import RUNS, Run
from nsindy.simulate import Measurement
from nsindy.systems import DAMPED_OSCILLATOR

SYSTEM = DAMPED_OSCILLATOR
KNOBS = {
    "learning_rate": "peak of Adam's cosine schedule",
    "temperature_start": "τ at the first step",
    "temperature_end": "τ after the annealing",
    "anneal_fraction": "share of the steps over which τ falls",
    "alpha": "strength of the complexity prior, in nats",
    "base_entropy": "weight of the entropy of the base distribution",
    "conditional_entropy": "weight of the slots' conditional entropies",
    "freeze_at": "probability from which slot 1 is frozen; above 1 for never",
    "initial_coefficient": "mean of the coefficients before training",
    "initial_spread": "standard deviation of the coefficients before training",
}


def start() -> None:
    """Double precision for the data, and a compilation cache in the user's cache directory."""
    jax.config.update("jax_enable_x64", True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nsindy"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one sentence, like every other error."""

    def error(self, message: str):
        """Exit without the list of all options, which `--help` gives."""
        self.exit(2, f"error: {message}\n")


def parser(description: str | None, out: str) -> argparse.ArgumentParser:
    """The options of a recording and a sweep, which every experiment takes."""
    options = Parser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=_positive, default=32, help="number of seeds")
    add("--seed0", type=int, default=0, help="the first seed")
    add("--samples", type=_at_least(10), default=600, help="samples of a recording")
    add(
        "--train-fraction",
        type=_number(low=0.1, high=0.9),
        default=0.8,
        help="share of the samples to train on, the others validate",
    )
    add("--step", type=_number(low=0, open_low=True), default=0.05, help="time between them, in s")
    add("--noise", type=_number(low=0), default=1e-3, help="standard deviation of the noise")
    add("--stiffness", type=_number(), default=1.0, help="k, in 1/s²")
    add("--damping", type=_number(), default=0.1, help="c, in 1/s")
    add("--x0", type=_number(), default=1.0, help="initial position")
    add("--v0", type=_number(), default=0.0, help="initial velocity")
    add(
        "--derivatives",
        choices=("analytic", "estimated"),
        default="analytic",
        help="analytic at the clean states, or estimated from the noisy ones",
    )
    add(
        "--library",
        default="shipped",
        help="'shipped' circuits, the 'exact' functions, or a file of circuits",
    )
    add("--out", default=out, help="folder for summary.json and figure.png")
    return options


def add_router_options(options: argparse.ArgumentParser, run: Run) -> None:
    """Options of a trained router, with the run's own settings as defaults."""
    if run.routing is None:
        return
    add = options.add_argument
    add("--steps", type=_positive, default=run.routing.steps, help="training steps")
    add("--slots", type=_positive, default=run.routing.slots, help="slots of an equation")
    add(
        "--gates",
        choices=("sample", "shared"),
        default="sample",
        help="a draw for each sample and step, or one for all samples",
    )
    for name, meaning in KNOBS.items():
        positive = name in ("temperature_start", "temperature_end")
        add(
            f"--{name.replace('_', '-')}",
            type=_number(low=0 if positive else None, open_low=positive),
            default=getattr(run.knobs, name),
            help=meaning,
        )


def _at_least(low: int):
    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, not {value}")
        return value

    return whole


_positive = _at_least(1)


def _number(low: float | None = None, high: float = math.inf, *, open_low: bool = False):
    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"must be finite, not {text}")
        if low is not None and (value < low or (open_low and value == low)):
            bound = "above" if open_low else "at least"
            raise argparse.ArgumentTypeError(f"must be {bound} {low:g}, not {text}")
        if value > high:
            raise argparse.ArgumentTypeError(f"must be at most {high:g}, not {text}")
        return value

    return number


def measurement(options: argparse.Namespace) -> Measurement:
    """How the options say that the oscillator is recorded."""
    return Measurement(
        args=jnp.array([options.stiffness, options.damping]),
        initial=jnp.array([options.x0, options.v0]),
        step=jnp.asarray(options.step),
        noise=jnp.asarray(options.noise),
    )


def load_circuits(name: str) -> tuple[circuits.Stack, ...] | None:
    """The circuits that `--library` names; None for the exact functions."""
    if name == "exact":
        return None
    return circuits.load(circuits.SHIPPED if name == "shipped" else name)[0]


def configure(run: Run, options: argparse.Namespace) -> tuple[Run, fit.Knobs]:
    """The run with the options' static settings, and its knobs."""
    times = np.array([0.0, options.samples * options.step])
    steps = trajectory.steps_for(times, rate=max(1.0, math.sqrt(abs(options.stiffness))))
    run = dataclasses.replace(run, search=dataclasses.replace(run.search, steps=steps))
    if run.routing is None:
        return run, run.knobs
    routing = dataclasses.replace(
        run.routing,
        steps=getattr(options, "steps", None) or run.routing.steps,
        slots=getattr(options, "slots", None) or run.routing.slots,
        shared=options.gates == "shared",
    )
    count = len(terms.paper_terms(SYSTEM.states)) - len(run.drop)
    if routing.slots > count:
        raise ValueError(f"--slots {routing.slots} is more than the library's {count} terms")
    knobs = fit.Knobs(*(getattr(options, name, getattr(run.knobs, name)) for name in KNOBS))
    return dataclasses.replace(run, routing=routing), knobs


def evaluate(run: Run, knobs: fit.Knobs, options: argparse.Namespace) -> summary.Swept:
    """Sweep a run over its seeds."""
    names = [name for name in terms.paper_terms(SYSTEM.states) if name not in run.drop]
    bound = library.bind(names, SYSTEM.states, load_circuits(options.library))
    estimate = options.derivatives == "estimated"

    def recorded(key, setting, bound):
        return study.record(
            key,
            SYSTEM,
            bound,
            setting.measurement,
            samples=options.samples,
            estimate=estimate,
            train_fraction=options.train_fraction,
        )

    def one(key, setting, bound):
        data_key, select_key = jax.random.split(key)
        data = recorded(data_key, setting, bound)
        return study.outcome(select_key, data, bound, setting.knobs, run)

    def first(key, setting, bound):
        data = recorded(jax.random.split(key)[0], setting, bound)
        noise = jnp.maximum(setting.measurement.noise, 1e-9) * jnp.ones(len(SYSTEM.states))
        limit = tangent.cramer_rao(
            snap.exact(bound),
            data.truth != 0,
            data.truth,
            setting.measurement.initial,
            selectors.training_record(data),
            noise,
            steps=run.search.steps,
        )
        return data.theta, data.truth, limit, snap.snap(bound, data.trajectory.states)

    setting = study.Setting(measurement(options), jax.tree.map(jnp.asarray, knobs))
    seeds = jnp.arange(options.seed0, options.seed0 + options.seeds)
    timed = sweep.over_seeds(one, seeds, setting, bound)
    theta, truth, limit, snapped = jax.tree.map(
        np.asarray, jax.jit(first)(jax.random.key(options.seed0), setting, bound)
    )
    outcome = jax.tree.map(np.asarray, timed.value)
    return summary.Swept(
        outcome,
        truth,
        bound.names,
        SYSTEM.states,
        collinearity.describe(theta, bound.names),
        summary.equivalent_models(theta, truth, bound.names),
        limit,
        snapped,
        timed.compile,
        timed.run,
    )


def summarise(run: Run, swept: summary.Swept, options: argparse.Namespace) -> dict[str, Any]:
    """The summary of a run over its seeds."""
    return {
        "experiment": run.name,
        "command": command(),
        "versions": versions(),
        "device": str(jax.devices()[0]),
        "seconds": {"compile": round(swept.compile, 3), "run": round(swept.run, 3)},
        "config": {key: value for key, value in vars(options).items() if key != "out"},
        "terms": list(swept.names),
        "true_coefficients": swept.truth,
        "collinearity": swept.collinear,
        "equivalent_models": dict(zip(swept.states, swept.equivalent, strict=True)),
        "cramer_rao": swept.bound,
        "snapped": summary.snapped(swept),
        "outside_domain": float(np.mean(swept.outcome.outside)),
        "runs": summary.rows(swept, options.seed0),
        "aggregate": summary.aggregate(swept),
    }


def command() -> str:
    """The command line that made this, as it can be typed again."""
    script = Path(sys.argv[0])
    return shlex.join(["python", f"{script.parent.name}/{script.name}", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on."""
    packages = ("nsindy", "jax", "jaxlib", "flax", "optax", "diffrax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def main(name: str, description: str | None) -> None:
    """Run one named experiment: parse, sweep the seeds, print, write summary and figure."""
    run = RUNS[name]
    options = parser(description, f"out/{name}")
    add_router_options(options, run)
    arguments = options.parse_args()
    fail_early(lambda: execute(run, arguments))


def fail_early(action) -> None:
    """Turn a ValueError into one sentence and a non-zero exit."""
    try:
        action()
    except ValueError as error:
        sys.exit(f"error: {error}")


def execute(run: Run, options: argparse.Namespace) -> None:
    """Sweep, print and write."""
    out = results.check_folder(options.out)
    start()
    run, knobs = configure(run, options)
    swept = evaluate(run, knobs, options)
    summary.print_table(run, swept)
    write(run, knobs, swept, options, out)


def write(
    run: Run, knobs: fit.Knobs, swept: summary.Swept, options: argparse.Namespace, out: Path
) -> None:
    """Write OUT/figure.png and OUT/summary.json, and say where."""
    from nsindy import plots

    numbers = summary.aggregate(swept)
    plan = None
    if run.routing is not None:
        plan = jax.tree.map(np.asarray, fit.schedules(knobs, run.routing.steps))
    figure = plots.run_figure(
        swept.outcome,
        swept.truth,
        swept.names,
        SYSTEM.states,
        title=f"{run.title} — both equations exact in {numbers['recovery_count']} of "
        f"{numbers['seeds']} seeds",
        plan=plan,
        noise=options.noise,
    )
    plots.save(figure, out / "figure.png")
    results.write_summary(out / "summary.json", summarise(run, swept, options))
    print(
        f"\ncompile {swept.compile:.1f} s, run {swept.run:.1f} s; "
        f"wrote {out / 'summary.json'} and {out / 'figure.png'}"
    )


def write_rows(
    out: Path,
    rows: list[dict[str, Any]],
    *,
    labels: list[str],
    title: str,
    drawn: list[dict[str, Any]] | None = None,
    what: dict[str, str] | None = None,
    **more: Any,
) -> None:
    """Write a study: its rows to OUT/summary.json, their recovery rates to OUT/figure.png.

    Args:
      out: the folder.
      rows: the rows of the study.
      labels: what the figure calls each drawn row.
      title: of the figure.
      drawn: the rows in the figure; None for all.
      what: further knobs of `plots.rates_figure`.
      **more: further entries of the summary.
    """
    from nsindy import plots

    made = {"experiment": Path(sys.argv[0]).stem, "command": command(), "versions": versions()}
    results.write_json(out / "summary.json", made | more | {"rows": rows})
    figure = plots.rates_figure(
        labels, rows if drawn is None else drawn, title=title, **(what or {})
    )
    plots.save(figure, out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")
