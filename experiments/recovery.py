"""Exact recovery from noisy states alone: the oscillator at three noises, and further systems."""

import argparse
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, written
from support.experiment import Experiment, bind

from nsindy.circuits import snap
from nsindy.paper import one_seed, summary
from nsindy.paper.runs import REFERENCES, RUNS
from nsindy.paper.selectors import training_record
from nsindy.paper.simulate import Measurement, solve_system
from nsindy.paper.systems import DAMPED_OSCILLATOR, FURTHER, System
from nsindy.sweep.grid import over
from nsindy.terms import term
from nsindy.trajectories import tangent

METHODS = (
    RUNS["exp0_stlsq"],
    REFERENCES["best_subset"],
    RUNS["exp8_evidence_router"],
    REFERENCES["oracle"],
)
SAMPLES, SPAN = 600, 20.0
ENUMERABLE = 16


def main() -> None:
    """Parse, sweep every case, print the table, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=command_line.positive, default=64, help="seeds of each case")
    add("--oscillator-seeds", type=int, default=0, help="seeds of the oscillator's; 0 for --seeds")
    add("--seed0", type=int, default=0, help="the first seed")
    add("--library", default="shipped", help="'shipped', 'exact', or a file of circuits")
    add("--out", default="out/recovery", help="folder for summary.json and figure.png")
    command_line.add_sweep_options(options)
    arguments = options.parse_args()
    experiment = Experiment.of(arguments)
    command_line.fail_early(lambda: execute(experiment, arguments.oscillator_seeds))


def execute(experiment: Experiment, oscillator_seeds: int) -> None:
    """Sweep the cases of every system in one compilation a system and method."""
    out = experiment.begin()
    step = jnp.asarray(SPAN / SAMPLES)
    initial = jnp.array(DAMPED_OSCILLATOR.initial)
    cases = [
        (
            f"oscillator k = {k:g}, c = {c:g}, noise {noise:g}",
            Measurement(jnp.array([k, c]), initial, step, jnp.full(2, noise)),
        )
        for k, c in ((1.0, 0.1), (4.0, 0.4))
        for noise in (1e-3, 1e-2, 5e-2)
    ]
    mine = dataclasses.replace(experiment, seeds=oscillator_seeds or experiment.seeds)
    rows = cells(DAMPED_OSCILLATOR, term.paper_terms(), cases, 120, mine)
    for system in FURTHER:
        args = jnp.array([value for _, value in system.parameters])
        start = jnp.array(system.initial)
        clean = solve_system(system, args, start, jnp.arange(SAMPLES) * step)
        case = Measurement(args, start, step, 0.01 * jnp.std(clean, axis=0))
        names = term.composed_terms(system.states)
        rows += cells(system, names, [(f"{system.name}, noise 1 %", case)], 200, experiment)
    drawn = [row for row in rows if row["method"] == RUNS["exp8_evidence_router"].title]
    written.write_rows(
        out,
        rows,
        drawn=drawn,
        labels=[row["case"] for row in drawn],
        title=f"Run 9 from noisy states alone, {SAMPLES} samples, derivatives estimated",
        samples=SAMPLES,
        span=SPAN,
    )
    experiment.finish()


def cells(
    system: System,
    names: tuple[str, ...],
    cases: list[tuple[str, Measurement]],
    steps: int,
    experiment: Experiment,
) -> list[dict[str, Any]]:
    """Every method on every case of one system, each row printed as it comes."""
    bound = bind(names, experiment.library, system.states)
    grid = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(case for _, case in cases))
    runs = [
        dataclasses.replace(run, search=dataclasses.replace(run.search, steps=steps))
        for run in METHODS
        if run.method != "best subset" or len(names) <= ENUMERABLE
    ]

    def recorded(key, measurement, bound):
        return one_seed.record_system(
            key, system, bound, measurement, samples=SAMPLES, estimate=True
        )

    def limit(measurement, bound):
        data = recorded(jax.random.key(experiment.seed0), measurement, bound)
        held = training_record(data)
        begin, noise = measurement.initial, measurement.noise
        right = data.truth != 0
        return data.truth, tangent.cramer_rao(
            snap.exact(bound), right, data.truth, begin, held, noise, steps=steps
        )

    limits = jax.jit(lambda grid, bound: jax.lax.map(lambda case: limit(case, bound), grid))
    truth, bounds = (np.asarray(values) for values in limits(grid, bound))
    rows = []
    for run in runs:

        def one(key, measurement, bound, run=run):
            data_key, select_key = jax.random.split(key)
            data = recorded(data_key, measurement, bound)
            found = one_seed.outcome(select_key, data, bound, run.knobs, run)
            return found.coefficients, found.support_correct

        timed = over(
            one,
            experiment.every_seed,
            grid,
            bound,
            plan=experiment.plan()._replace(quick=run.method == "evidence"),
            name=f"{system.name}, {run.name}",
            success=lambda value: value[1],
        )
        coefficients, correct = timed.value
        for i, (case, _) in enumerate(cases):
            rows.append({"case": case, "method": run.title, "terms": len(names)})
            found = (coefficients[i], correct[i], truth[i], bounds[i])
            rows[-1] |= summary.accuracy(*found, system.states, names)
            print(line(rows[-1]), flush=True)
        print(f"{system.name}: compile {timed.compile:.0f} s, run {timed.run:.0f} s", flush=True)
    return rows


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    low, high = row["recovery_ci95"]
    worst = max(row["rmse_over_cramer_rao"].values())
    return (
        f"{row['case']:<38}{row['method']:<32}{row['recovery_count']:>4}/{row['seeds']:<5}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %  false terms {row['false_terms']:>3}  "
        f"worst RMSE / bound {worst:.2f}"
    )


if __name__ == "__main__":
    main()
