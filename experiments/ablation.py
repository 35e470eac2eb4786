"""All runs on the same recordings: what each recovers, how often, and what it gets wrong."""

import dataclasses
from typing import Any

import numpy as np
from peers import pysindy_references
from support import command_line, one_run, written
from support.experiment import Experiment

from nsindy.paper import summary
from nsindy.paper.runs import REFERENCES, RUNS
from nsindy.sweep import machines

ROWS = RUNS | REFERENCES


def main() -> None:
    """Parse, sweep every run, print the table, write summary and figure."""
    options = command_line.parser(__doc__, "out/ablation")
    add = options.add_argument
    add("--runs", nargs="+", choices=list(ROWS), default=list(ROWS), help="which")
    add("--router-seeds", type=int, default=0, help="seeds of the trained runs; 0 for all")
    add("--steps", type=int, default=0, help="training steps; 0 for each run's own")
    add("--pysindy-seeds", type=int, default=64, help="seeds of PySINDy's optimizers, one by one")
    add("--gates", choices=("sample", "shared"), default="sample", help="draws of the gates")
    arguments = options.parse_args()
    experiment = Experiment.of(arguments)
    numbers = (arguments.router_seeds, arguments.pysindy_seeds)
    command_line.fail_early(lambda: execute(experiment, arguments.runs, *numbers))


def execute(experiment: Experiment, runs: list[str], router_seeds: int, pysindy_seeds: int) -> None:
    """Sweep every run, print and write."""
    out = experiment.begin()
    rows = []

    def add(name: str, title: str, paper: str, swept: summary.Swept) -> None:
        rows.append(
            {
                "name": name,
                "title": title,
                "paper": paper,
                "seconds": {"compile": swept.compile, "run": swept.run},
                "wrong": wrong(swept),
                **summary.aggregate(swept),
            }
        )
        print(line(rows[-1]), flush=True)

    whole = None
    for name in runs:
        few = ROWS[name].routing is not None and router_seeds
        mine = dataclasses.replace(experiment, seeds=few or experiment.seeds)
        run = mine.configure(ROWS[name])
        swept = one_run.evaluate(run, mine)
        add(run.name, run.title, run.paper, swept)
        whole = whole if run.drop else swept
    if whole is not None and machines.leader():
        for title, swept in pysindy_references.sweep(experiment, whole, pysindy_seeds):
            add(title, title, "", swept._replace(relative=0.0))
    written.write_rows(
        out,
        rows,
        labels=[row["title"] for row in rows],
        title=f"Exact recovery of both equations, noise {experiment.noise:g}, "
        f"{experiment.derivatives} derivatives",
    )
    experiment.finish()


def line(row: dict[str, Any]) -> str:
    """One line of the table: rate, validation error, what went wrong."""
    low, high = row["recovery_ci95"]
    return (
        f"{row['title']:<34}{row['recovery_count']:>6}/{row['seeds']:<6}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %  up to ties {row['equivalent_count']:>4}  "
        f"MSE {row['median']['val_mse_argmax']:.1e} / "
        f"{row['median']['val_mse_sampled']:.1e}  {row['wrong']}"
    )


def wrong(swept: summary.Swept) -> str:
    """Which terms are missing or false, in how many seeds, the most frequent first."""
    outcome, truth = summary.finished(swept.outcome), swept.truth
    failed = ~outcome.support_correct
    found = outcome.coefficients != 0
    faults = []
    for kind, errors in (
        ("without", (truth.coefficients != 0)[None] & ~found),
        ("false", (truth.coefficients == 0)[None] & found),
    ):
        counts = np.sum(errors[failed], axis=0)
        for d, state in enumerate(truth.states):
            faults += [
                (count, f"{state}' {kind} {truth.names[m]}")
                for m, count in enumerate(counts[d])
                if count
            ]
    faults.sort(key=lambda fault: -fault[0])
    return "; ".join(f"{words} ({count})" for count, words in faults[:4]) or "nothing"


if __name__ == "__main__":
    main()
