"""Each constant of a discovery halved and doubled: how often the terms are exact then."""

import argparse
import concurrent.futures
import importlib
import multiprocessing
from collections.abc import Iterator
from typing import Any, NamedTuple

from support import command_line, experiment, simulated, written

from nsindy.paper import metrics
from nsindy.runtime import files

HOME = "nsindy.discovery.constants"
MODULES = {HOME: "", "nsindy.trajectories.gauss_newton": "STEPS NEAR GAP SMALL DRIFT"}
"""Where the constants stand; of another module than theirs, which of its names."""

LEFT_OUT = {"SUBSTEPS", "MISSED_WARNING", "SURE", "NEAR_DUPLICATE"}
"""Numbers of which each is twice the one before, and those that only warnings know."""

CHANGES = {"halved": 0.5, "doubled": 2.0}

ROWS, NOISE = (20, 100), (0.01, 0.03)
"""Of the recordings: rows, and noise as a share of each state's standard deviation."""


class Setting(NamedTuple):
    """A constant and what it is multiplied by; no constant where all are as they are."""

    module: str = HOME
    name: str = ""
    change: str = "as it is"


def main() -> None:
    """Parse, discover with every setting, write summary.json."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=command_line.positive, default=4, help="draws of the noise")
    names = [name for _, name in numeric()]
    add("--names", nargs="+", choices=names, default=names, metavar="NAME", help="constants")
    add("--processes", type=command_line.positive, default=1, help="settings at the same time")
    add("--out", default="out/constants", help="folder of summary.json")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def numeric() -> Iterator[tuple[str, str]]:
    """Module and name of every constant that can be halved."""
    for module, some in MODULES.items():
        values = vars(importlib.import_module(module))
        for name in some.split() or values:
            if name.isupper() and name not in LEFT_OUT and scaled(values[name], 2.0) is not None:
                yield module, name


def scaled(value: Any, factor: float) -> Any:
    """A constant times a factor, whole and at least 1 where it was whole; None for no number."""
    if isinstance(value, dict):
        return {key: scaled(each, factor) for key, each in value.items()}
    if isinstance(value, tuple) and isinstance(value[0], tuple):
        # Of a step of the ladder, how many values a term needs.
        return tuple((scaled(step[0], factor), *step[1:]) for step in value)
    if isinstance(value, tuple) and not isinstance(value[0], str):
        return tuple(scaled(each, factor) for each in value)
    if isinstance(value, int):
        return max(1, round(value * factor))
    return value * factor if isinstance(value, float) else None


def shown(value: Any) -> str:
    """A constant as the table prints it."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return ", ".join(shown(each[0] if isinstance(each, tuple) else each) for each in value)
    return f"{value:g}"


def execute(options: argparse.Namespace) -> None:
    """Every setting in a process of its own, each line printed as it comes."""
    out = files.check_folder(options.out)
    found = [(module, name) for module, name in numeric() if name in options.names]
    settings = [Setting(), *(Setting(*each, change) for each in found for change in CHANGES)]
    rows = []
    # Programs keep the constants that they were traced with.
    with concurrent.futures.ProcessPoolExecutor(
        options.processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for row in pool.map(measure, settings, [options.seeds] * len(settings)):
            rows.append(row)
            title = f"{row['case']} {row['change']}".strip()
            print(f"{title:<30} exact {row['count']}/{row['cases']}", flush=True)
    files.write_json(out / "summary.json", written.origin() | {"rows": rows})
    print(f"wrote {out / 'summary.json'}")


def measure(setting: Setting, seeds: int) -> dict[str, Any]:
    """How many of the recordings give exactly the true terms with one constant changed.

    In a process that has imported nothing of the discovery: the constant is changed before.
    """
    row = {"case": setting.name, "change": setting.change}
    if setting.name:
        module = importlib.import_module(setting.module)
        value = getattr(module, setting.name)
        changed = scaled(value, CHANGES[setting.change])
        setattr(module, setting.name, changed)
        row |= {"value": shown(value), "changed_to": shown(changed)}
    experiment.start()
    exact = [
        discovered(system, rows, noise, seed) == system.truth
        for system in simulated.SYSTEMS.values()
        for rows in ROWS
        for noise in NOISE
        for seed in range(seeds)
    ]
    count, cases = sum(exact), len(exact)
    counts = {"count": count, "cases": cases, "rate": count / cases}
    return row | counts | {"ci95": metrics.rate_interval(count, cases)}


def discovered(
    system: simulated.System, rows: int, noise: float, seed: int
) -> simulated.Terms | None:
    """The terms that are found in a recording; None where the constant leaves no discovery."""
    from nsindy.discovery import pipeline

    try:
        return simulated.terms_of(pipeline.discover(*simulated.record(system, rows, noise, seed)))
    except (ArithmeticError, LookupError, ValueError):
        return None


if __name__ == "__main__":
    main()
