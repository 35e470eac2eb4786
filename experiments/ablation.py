"""All runs on the same recordings: what each recovers, how often, and what it gets wrong."""

import argparse
from typing import Any

import common
import numpy as np

from nsindy import plots, results
from nsindy.runs import RUNS


def main() -> None:
    """Parse, sweep every run, print the table, write summary and figure."""
    options = common.parser(__doc__, "out/ablation")
    options.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS), help="which")
    options.add_argument(
        "--steps", type=int, default=0, help="training steps; 0 for each run's own"
    )
    options.add_argument("--gates", choices=("sample", "shared"), default="sample", help="draws")
    arguments = options.parse_args()
    common.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Sweep every run, print and write."""
    out = results.check_folder(options.out)
    common.start()
    summaries = []
    for name in options.runs:
        run, knobs = common.configure(RUNS[name], options)
        swept = common.evaluate(run, knobs, options)
        summary = common.summarise(run, swept, options)
        summaries.append((run, swept, summary))
        print(row(run, swept, summary), flush=True)
    content = {
        "experiment": "ablation",
        "command": common.command(),
        "versions": common.versions(),
        "runs": [
            {
                "name": run.name,
                "title": run.title,
                "paper": run.paper,
                "seconds": summary["seconds"],
                "aggregate": summary["aggregate"],
                "wrong": wrong(swept),
            }
            for run, swept, summary in summaries
        ],
    }
    results.write_json(out / "summary.json", content)
    figure = plots.rates_figure(
        [run.title for run, _, _ in summaries],
        [summary["aggregate"] for _, _, summary in summaries],
        title=f"Exact recovery of both equations over {options.seeds} seeds, "
        f"noise {options.noise:g}, {options.derivatives} derivatives",
    )
    plots.save(figure, out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")


def row(run, swept: common.Swept, summary: dict[str, Any]) -> str:
    """One line of the table: rate, validation error, activation, what went wrong."""
    numbers = summary["aggregate"]
    low, high = numbers["recovery_ci95"]
    return (
        f"{run.title:<28}{numbers['recovery_count']:>6}/{numbers['seeds']:<6}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %  MSE {numbers['median']['val_mse_argmax']:.1e} / "
        f"{numbers['median']['val_mse_sampled']:.1e}  {wrong(swept)}"
    )


def wrong(swept: common.Swept) -> str:
    """Which terms are missing or false, in how many seeds, the most frequent first."""
    outcome, names = swept.outcome, swept.names
    failed = ~outcome.support_correct
    found = outcome.coefficients != 0
    faults = []
    for kind, errors in (
        ("without", (swept.truth != 0)[None] & ~found),
        ("false", (swept.truth == 0)[None] & found),
    ):
        counts = np.sum(errors[failed], axis=0)
        for d, state in enumerate(common.SYSTEM.states):
            faults += [
                (count, f"{state}' {kind} {names[m]}") for m, count in enumerate(counts[d]) if count
            ]
    faults.sort(key=lambda fault: -fault[0])
    return "; ".join(f"{words} ({count})" for count, words in faults[:4]) or "nothing"


if __name__ == "__main__":
    main()
