"""What every experiment shares: the sweep over seeds, the summary and the figure."""

import argparse
import dataclasses
import importlib.metadata
import math
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line

from nsindy.circuits import snap, stacks
from nsindy.paper import one_seed, selectors, summary, summary_file
from nsindy.paper.runs import RUNS, Run
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers import settings
from nsindy.runtime import files, programs
from nsindy.sweep import machines, over, progress
from nsindy.terms import collinearity, library, term
from nsindy.trajectories import single, tangent

SYSTEM = DAMPED_OSCILLATOR
BLOCK = {False: 32, True: 512}
"""Seeds of a vmapped step, by whether all samples share a draw: then a step is small."""
EVERY_RUN = "chunks/, one safetensors file a chunk; nsindy.sweep.chunks.load reads them"


def start(options: argparse.Namespace | None = None) -> None:
    """Hardware, double precision for the data, a compilation cache in the user's cache directory.

    Args:
      options: with those of `command_line.add_sweep_options`; None for this process alone.
    """
    if options is not None:
        machines.start(
            cpu_devices=options.cpu_devices,
            coordinator=options.coordinator,
            processes=options.processes,
            process=options.process,
        )
        if not machines.leader():
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for the rest of the process
    jax.config.update("jax_enable_x64", True)
    programs.keep(seconds=0.1)


def plan(options: argparse.Namespace) -> over.Plan:
    """How the options say that sweeps run."""
    return over.Plan(
        memory=options.memory_gb,
        devices=options.devices,
        folder=Path(options.out) / "chunks",
        resume=options.resume,
        identity=command_line.config(options),
        tell=progress.teller(quiet=options.quiet or not machines.leader()),
    )


def measurement(options: argparse.Namespace) -> Measurement:
    """How the options say that the oscillator is recorded."""
    return Measurement(
        args=jnp.array([options.stiffness, options.damping]),
        initial=jnp.array([options.x0, options.v0]),
        step=jnp.asarray(options.step),
        noise=jnp.asarray(options.noise),
    )


def bind(names: Sequence[str], kind: str, states: Sequence[str] = SYSTEM.states) -> library.Library:
    """The library of the named terms, evaluated by what `--library` names."""
    if kind == "exact":
        return library.bind(names, states)
    path = stacks.SHIPPED if kind == "shipped" else kind
    return library.bind(names, states, stacks.load(path)[0])


def record(
    key: jax.Array, bound: library.Library, measurement: Measurement, options: argparse.Namespace
) -> selectors.StudyData:
    """One seed's recording of the oscillator, as the options say, with its library."""
    return one_seed.record(
        key,
        SYSTEM,
        bound,
        measurement,
        samples=options.samples,
        estimate=options.derivatives == "estimated",
        train_fraction=options.train_fraction,
    )


def configure(run: Run, options: argparse.Namespace) -> tuple[Run, settings.RouterKnobs]:
    """The run with the options' static settings, and its knobs."""
    times = np.array([0.0, options.samples * options.step])
    steps = single.steps_for(times, rate=max(1.0, math.sqrt(abs(options.stiffness))))
    run = dataclasses.replace(run, search=dataclasses.replace(run.search, steps=steps))
    if run.routing is None:
        return run, run.knobs
    routing = dataclasses.replace(
        run.routing,
        steps=getattr(options, "steps", None) or run.routing.steps,
        slots=getattr(options, "slots", None) or run.routing.slots,
        shared=options.gates == "shared",
    )
    count = len(term.paper_terms(SYSTEM.states)) - len(run.drop)
    if routing.slots > count:
        raise ValueError(f"--slots {routing.slots} is more than the library's {count} terms")
    knobs = settings.RouterKnobs(
        *(getattr(options, name, getattr(run.knobs, name)) for name in command_line.KNOBS)
    )
    return dataclasses.replace(run, routing=routing), knobs


def evaluate(run: Run, knobs: settings.RouterKnobs, options: argparse.Namespace) -> summary.Swept:
    """Sweep a run over its seeds."""
    names = [name for name in term.paper_terms(SYSTEM.states) if name not in run.drop]
    bound = bind(names, options.library)

    def one(key, setting, bound):
        data_key, select_key = jax.random.split(key)
        data = record(data_key, bound, setting.measurement, options)
        return one_seed.outcome(select_key, data, bound, setting.knobs, run)

    def first(key, setting, bound):
        data = record(jax.random.split(key)[0], bound, setting.measurement, options)
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

    setting = one_seed.Setting(measurement(options), jax.tree.map(jnp.asarray, knobs))
    grid = jax.tree.map(lambda leaf: leaf[None], setting)
    seeds = np.arange(options.seed0, options.seed0 + options.seeds)
    block = BLOCK[getattr(options, "gates", "") == "shared"]
    timed = over.over(
        one,
        seeds,
        grid,
        bound,
        plan=plan(options)._replace(block=block, quick=run.method == "evidence"),
        name=run.name,
        keep=summary.KEEP,
        success=lambda outcome: outcome.support_correct,
    )
    theta, truth, limit, snapped = jax.tree.map(
        np.asarray, jax.jit(first)(jax.random.key(options.seed0), setting, bound)
    )
    return summary.Swept(
        jax.tree.map(lambda leaf: leaf[0], timed.value),
        truth,
        bound.names,
        SYSTEM.states,
        collinearity.describe(theta, bound.names),
        summary.equivalent_models(theta, truth),
        run.relative,
        limit,
        snapped,
        timed.compile,
        timed.run,
    )


def summarise(
    run: Run, swept: summary.Swept, numbers: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """The summary of a run over its seeds, whose aggregate is `numbers`."""
    outside = summary.finished(swept.outcome).outside
    return {
        "experiment": run.name,
        "command": command(),
        "versions": versions(),
        "device": str(jax.devices()[0]),
        "seconds": {"compile": round(swept.compile, 3), "run": round(swept.run, 3)},
        "config": command_line.config(options),
        "terms": list(swept.names),
        "true_coefficients": swept.truth,
        "collinearity": swept.collinear,
        "equivalent_models": summary.equivalent_text(swept),
        "cramer_rao": swept.bound,
        "snapped": summary.snapped(swept),
        "outside_domain": float(np.mean(outside)) if len(outside) else None,
        "runs": summary.rows(swept, options.seed0),
        "every_run": EVERY_RUN if options.seeds > summary.SHOWN else "runs",
        "aggregate": numbers,
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
    options = command_line.parser(description, f"out/{name}")
    command_line.add_router_options(options, run)
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(run, arguments))


def execute(run: Run, options: argparse.Namespace) -> None:
    """Sweep, print and write."""
    out = begin(options)
    run, knobs = configure(run, options)
    swept = evaluate(run, knobs, options)
    numbers = summary.aggregate(swept)
    summary.print_table(run, swept, numbers)
    write(run, knobs, swept, numbers, options, out)
    finish(options)
    print("equations of a recording of your own: nsindy discover FILE.csv")


def begin(options: argparse.Namespace) -> Path:
    """Join the hardware, and make the folder of the results where they are written."""
    start(options)
    return files.check_folder(options.out) if machines.leader() else Path(options.out)


def finish(options: argparse.Namespace) -> None:
    """Delete the chunks once the summary holds every run."""
    if machines.leader() and options.seeds <= summary.SHOWN:
        shutil.rmtree(Path(options.out) / "chunks", ignore_errors=True)


def write(
    run: Run,
    knobs: settings.RouterKnobs,
    swept: summary.Swept,
    numbers: dict[str, Any],
    options: argparse.Namespace,
    out: Path,
) -> None:
    """Write OUT/figure.png and OUT/summary.json, and say where."""
    if not machines.leader():
        return
    from nsindy.paper import figures

    plan = None
    if run.routing is not None:
        plan = jax.tree.map(np.asarray, settings.schedules(knobs, run.routing.steps))
    figure = figures.run_figure(
        summary.finished(jax.tree.map(lambda leaf: leaf[: summary.SHOWN], swept.outcome)),
        swept.truth,
        swept.names,
        SYSTEM.states,
        title=f"{run.title} — both equations exact in {numbers['recovery_count']} of "
        f"{numbers['seeds']} seeds",
        plan=plan,
        noise=options.noise,
    )
    figures.save(figure, out / "figure.png")
    summary_file.write_summary(out / "summary.json", summarise(run, swept, numbers, options))
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
      what: further knobs of `figures.rates_figure`.
      **more: further entries of the summary.
    """
    if not machines.leader():
        return
    from nsindy.paper import figures

    made = {"experiment": Path(sys.argv[0]).stem, "command": command(), "versions": versions()}
    files.write_json(out / "summary.json", made | more | {"rows": rows})
    figure = figures.rates_figure(
        labels, rows if drawn is None else drawn, title=title, **(what or {})
    )
    figures.save(figure, out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")
