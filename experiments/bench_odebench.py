"""ODEBench: nsindy and PySINDy's grid side by side, each fitted to one noisy trajectory in turn."""

import argparse
import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from peers import odebench
from peers.odebench_cases import SCORES, Job, attempt
from peers.odebench_methods import METHODS
from support import command_line, experiment, written
from tqdm import tqdm

from nsindy.paper import metrics
from nsindy.runtime import files


def main() -> None:
    """Parse, fit every method to every trajectory, print the table, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--data", help="ODEBench's JSON: a list of systems with two trajectories each")
    add("--sigmas", type=float, nargs="+", default=[0.0, 0.01, 0.05], help="multiplicative noise")
    add("--seeds", type=int, default=1, help="draws of the noise; without noise there is one")
    add("--seed0", type=int, default=0, help="the first seed")
    add("--systems", type=int, nargs="+", help="ids of the systems; all of the file by default")
    add(
        "--methods", nargs="+", choices=METHODS, default=["nsindy", "pysindy"], help="in this order"
    )
    add("--jobs", type=int, default=1, help="processes; times are fair with one")
    add("--out", default="out/odebench", help="folder for summary.json, cases.json, figure.png")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every method at every noise, each row printed as it comes."""
    systems = chosen(options)
    for method in options.methods:
        METHODS[method].prepare()
    out = files.check_folder(options.out)
    experiment.start()
    rows: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    with workers(options.jobs) as spread:
        for sigma in options.sigmas:
            seeds = range(options.seed0, options.seed0 + (options.seeds if sigma else 1))
            for method in options.methods:
                jobs = [
                    Job(method, system, which, sigma, seed)
                    for seed in seeds
                    for system in systems
                    for which in (0, 1)
                ]
                found = list(tqdm(spread(attempt, jobs), total=len(jobs), disable=None))
                cases += found
                files.write_json(out / "cases.json", cases)
                rows.append(judge(found))
                print(line(rows[-1]), flush=True)
    drawn = [
        {"label": f"{score}, {row['method']}, σ = {row['sigma']:g}"}
        | {"recovery_rate": row[score]["rate"], "recovery_ci95": row[score]["ci95"]}
        | {"recovery_count": row[score]["count"], "seeds": row[score]["cases"]}
        | {"colour": options.methods.index(row["method"])}
        for score in SCORES
        for row in rows
        if row[score] is not None
    ]
    labels = [row["label"] for row in drawn]
    title = f"{len(systems)} systems of ODEBench: what {' and '.join(options.methods)} get right"
    what = {"what": "cases, each fitted on one trajectory (%, 95 % interval)"}
    more = {"processes": options.jobs, "cores": os.cpu_count(), "cases": str(out / "cases.json")}
    written.write_rows(out, rows, drawn=drawn, labels=labels, title=title, what=what, **more)


def chosen(options: argparse.Namespace) -> list[odebench.System]:
    """The systems that the options name.

    Raises:
      ValueError: an option does not make sense, or the file cannot be read.
    """
    if not options.data:
        raise ValueError("give ODEBench's JSON with --data PATH; it does not come with the project")
    if options.seeds < 1 or options.jobs < 1:
        raise ValueError("--seeds and --jobs must be at least 1")
    if not all(0 <= sigma < math.inf for sigma in options.sigmas):
        raise ValueError("--sigmas must be finite and not negative")
    systems = odebench.read(options.data)
    known = {system.number for system in systems}
    missing = sorted(set(options.systems or ()) - known)
    if missing:
        raise ValueError(f"{options.data} has no system {', '.join(map(str, missing))}")
    return [each for each in systems if not options.systems or each.number in options.systems]


@contextmanager
def workers(processes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` over this process alone, or over several that stay for the whole run."""
    if processes == 1:
        yield map
        return
    # A forked process would share the locks of XLA's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=experiment.start) as pool:
        yield pool.map


def judge(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rates of the three scores with Wilson's intervals, and the median seconds of a fit.

    `structure` counts the cases whose truth is a sum of the library's terms,
    `structure_operations` also those that need further operations; None where there are none.
    """
    exact = [case for case in cases if case["expressible"] == "library"]
    wider = [case for case in cases if case["expressible"]]
    return {
        "method": cases[0]["method"],
        "sigma": cases[0]["sigma"],
        "reconstruction": rate([case["reconstruction"] for case in cases]),
        "generalization": rate([case["generalization"] for case in cases]),
        "structure": rate([case["structure"] for case in exact]),
        "structure_operations": rate([case["structure"] for case in wider]),
        "failed": sum(bool(case["error"]) for case in cases),
        "median_seconds": float(np.median([case["seconds"] for case in cases])),
        "longest_seconds": max(case["seconds"] for case in cases),
        "compile_seconds": sum(case["compile_seconds"] for case in cases),
    }


def rate(successes: Sequence[bool]) -> dict[str, Any] | None:
    """Count, cases, rate and its 95 % interval; None without cases."""
    if not successes:
        return None
    count, total = sum(successes), len(successes)
    interval = metrics.rate_interval(count, total)
    return {"count": count, "cases": total, "rate": count / total, "ci95": interval}


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    parts = [f"{row['method']:<16} σ {row['sigma']:<5g}"]
    for score in (*SCORES, "structure_operations"):
        found = row[score]
        if found is None:
            parts.append(f"{score}   none")
            continue
        low, high = found["ci95"]
        parts.append(
            f"{score} {100 * found['rate']:3.0f} % {found['count']:>3}/{found['cases']:<3}"
            f" [{100 * low:3.0f}, {100 * high:3.0f}]"
        )
    parts.append(f"failed {row['failed']}")
    parts.append(f"{row['median_seconds']:.2f} s a fit, compile {row['compile_seconds']:.0f} s")
    return "   ".join(parts)


if __name__ == "__main__":
    main()
