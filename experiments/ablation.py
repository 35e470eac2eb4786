"""All runs on the same recordings: what each recovers, how often, and what it gets wrong."""

import argparse
from typing import Any

import numpy as np
from peers import pysindy_references
from support import command_line, common

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
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Sweep every run, print and write."""
    out = common.begin(options)
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
    for name in options.runs:
        few = ROWS[name].routing is not None and options.router_seeds
        mine = argparse.Namespace(**vars(options) | ({"seeds": few} if few else {}))
        run, knobs = common.configure(ROWS[name], mine)
        swept = common.evaluate(run, knobs, mine)
        add(run.name, run.title, run.paper, swept)
        whole = whole if run.drop else swept
    if whole is not None and machines.leader():
        for title, swept in pysindy_references.sweep(options, whole):
            add(title, title, "", swept._replace(relative=0.0))
    common.write_rows(
        out,
        rows,
        labels=[row["title"] for row in rows],
        title=f"Exact recovery of both equations, noise {options.noise:g}, "
        f"{options.derivatives} derivatives",
    )
    common.finish(options)


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
    outcome, names = summary.finished(swept.outcome), swept.names
    failed = ~outcome.support_correct
    found = outcome.coefficients != 0
    faults = []
    for kind, errors in (
        ("without", (swept.truth != 0)[None] & ~found),
        ("false", (swept.truth == 0)[None] & found),
    ):
        counts = np.sum(errors[failed], axis=0)
        for d, state in enumerate(swept.states):
            faults += [
                (count, f"{state}' {kind} {names[m]}") for m, count in enumerate(counts[d]) if count
            ]
    faults.sort(key=lambda fault: -fault[0])
    return "; ".join(f"{words} ({count})" for count, words in faults[:4]) or "nothing"


if __name__ == "__main__":
    main()
