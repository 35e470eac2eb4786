"""One run of the paper over its seeds: the sweep, what it is held against, summary and figure."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.circuits import snap
from nsindy.paper import one_seed, selectors, summary, summary_file
from nsindy.paper.runs import RUNS, Run
from nsindy.routers import settings
from nsindy.sweep import machines
from nsindy.sweep.grid import over
from nsindy.terms import collinearity, term
from nsindy.terms.library import Library
from nsindy.trajectories import tangent
from support import command_line, written
from support.experiment import SYSTEM, Experiment, bind

BLOCK = {False: 32, True: 512}
"""Seeds of a vmapped step, by whether all samples share a draw: then a step is small."""
EVERY_RUN = "chunks/, one safetensors file a chunk; nsindy.sweep.chunks.load_runs reads them"


def main(name: str, description: str | None) -> None:
    """Run one named experiment: parse, sweep the seeds, print, write summary and figure."""
    run = RUNS[name]
    options = command_line.parser(description, f"out/{name}")
    command_line.add_router_options(options, run)
    experiment = Experiment.of(options.parse_args())
    command_line.fail_early(lambda: execute(run, experiment))


def execute(run: Run, experiment: Experiment) -> None:
    """Sweep, print and write."""
    out = experiment.begin()
    run = experiment.configure(run)
    swept = evaluate(run, experiment)
    numbers = summary.aggregate(swept)
    summary.print_table(run, swept, numbers)
    write(run, swept, numbers, experiment, out)
    experiment.finish()
    print("equations of a recording of your own: nsindy discover FILE.csv")


def evaluate(run: Run, experiment: Experiment) -> summary.Swept:
    """Sweep a configured run over its seeds."""
    names = [name for name in term.paper_terms(SYSTEM.states) if name not in run.drop]
    bound = bind(names, experiment.library)

    def one(key, cell, bound):
        data_key, select_key = jax.random.split(key)
        data = experiment.record(data_key, bound, cell.measurement)
        return one_seed.outcome(select_key, data, bound, cell.knobs, run)

    cell = one_seed.Cell(experiment.measurement, jax.tree.map(jnp.asarray, run.knobs))
    block = BLOCK[experiment.gates == "shared"]
    timed = over(
        one,
        experiment.every_seed,
        jax.tree.map(lambda leaf: leaf[None], cell),
        bound,
        plan=experiment.plan()._replace(block=block, quick=run.method == "evidence"),
        name=run.name,
        keep=summary.KEEP,
        success=lambda outcome: outcome.support_correct,
    )
    outcome = jax.tree.map(lambda leaf: leaf[0], timed.value)
    truth = _truth(run, experiment, bound)
    return summary.Swept(outcome, truth, run.relative, timed.compile, timed.run)


def _truth(run: Run, experiment: Experiment, bound: Library) -> summary.Truth:
    """What the seeds are held against, Θ and the bound those of the first recording."""

    def first(key, measurement, bound):
        data = experiment.record(jax.random.split(key)[0], bound, measurement)
        noise = jnp.maximum(measurement.noise, 1e-9) * jnp.ones(len(SYSTEM.states))
        limit = tangent.cramer_rao(
            snap.exact(bound),
            data.truth != 0,
            data.truth,
            measurement.initial,
            selectors.training_record(data),
            noise,
            steps=run.search.steps,
        )
        return {
            "theta": data.theta,
            "truth": data.truth,
            "bound": limit,
            "snapped": snap.snap(bound, data.trajectory.states),
        }

    key = jax.random.key(experiment.seed0)
    found = jax.tree.map(np.asarray, jax.jit(first)(key, experiment.measurement, bound))
    return summary.Truth(
        coefficients=found["truth"],
        names=bound.names,
        states=SYSTEM.states,
        collinear=collinearity.describe(found["theta"], bound.names),
        equivalent=summary.equivalent_models(found["theta"], found["truth"]),
        bound=found["bound"],
        snapped=found["snapped"],
    )


def summarise(
    run: Run, swept: summary.Swept, numbers: dict[str, Any], experiment: Experiment
) -> dict[str, Any]:
    """The summary of a run over its seeds, whose aggregate is `numbers`."""
    outside = summary.finished(swept.outcome).outside
    return {
        "experiment": run.name,
        "command": written.command(),
        "versions": written.versions(),
        "device": str(jax.devices()[0]),
        "seconds": {"compile": round(swept.compile, 3), "run": round(swept.run, 3)},
        "config": experiment.config,
        "terms": list(swept.truth.names),
        "true_coefficients": swept.truth.coefficients,
        "collinearity": swept.truth.collinear,
        "equivalent_models": summary.equivalent_text(swept.truth),
        "cramer_rao": swept.truth.bound,
        "snapped": summary.snapped_terms(swept.truth),
        "outside_domain": float(np.mean(outside)) if len(outside) else None,
        "runs": summary.rows(swept, experiment.seed0),
        "every_run": EVERY_RUN if experiment.seeds > summary.SHOWN else "runs",
        "aggregate": numbers,
    }


def write(
    run: Run, swept: summary.Swept, numbers: dict[str, Any], experiment: Experiment, out: Path
) -> None:
    """Write OUT/figure.png and OUT/summary.json, and say where."""
    if not machines.leader():
        return
    from nsindy.paper import figures

    plan = None
    if run.routing is not None:
        plan = jax.tree.map(np.asarray, settings.schedules(run.knobs, run.routing.steps))
    figure = figures.run_figure(
        summary.finished(jax.tree.map(lambda leaf: leaf[: summary.SHOWN], swept.outcome)),
        swept.truth.coefficients,
        swept.truth.names,
        SYSTEM.states,
        title=f"{run.title} — both equations exact in {numbers['recovery_count']} of "
        f"{numbers['seeds']} seeds",
        plan=plan,
        noise=experiment.noise,
    )
    figures.save_figure(figure, out / "figure.png")
    summary_file.write_summary(out / "summary.json", summarise(run, swept, numbers, experiment))
    print(
        f"\ncompile {swept.compile:.1f} s, run {swept.run:.1f} s; "
        f"wrote {out / 'summary.json'} and {out / 'figure.png'}"
    )
