"""How few rows are enough: four systems, 12 to 30 noisy rows, and how often the terms are exact."""

import argparse
from typing import Any

from support import command_line, experiment, simulated, written
from support.simulated import System

import nsindy
from nsindy.runtime import files

SYSTEMS = {
    "decay": System(lambda t, y: [-0.5 * y[0]], (3.0,), 8.0, (frozenset({"x"}),)),
    "logistic growth": System(
        lambda t, y: [y[0] * (1 - y[0])], (0.1,), 8.0, (frozenset({"x", "x^2"}),)
    ),
    "damped oscillator": System(
        lambda t, y: [y[1], -y[0] - 0.2 * y[1]],
        (2.0, 0.0),
        12.0,
        (frozenset({"y"}), frozenset({"x", "y"})),
    ),
    "Lotka–Volterra": System(
        lambda t, y: [y[0] - 0.5 * y[0] * y[1], -y[1] + 0.5 * y[0] * y[1]],
        (3.0, 1.0),
        14.0,
        (frozenset({"x", "x y"}), frozenset({"y", "x y"})),
    ),
}


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = simulated.options(__doc__, 0.03, "few_rows")
    add = options.add_argument
    few = command_line.at_least(10)
    add("--rows", type=few, nargs="+", default=[12, 20, 30], help="rows of a recording")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every number of rows, each line printed as it comes."""
    out = files.check_folder(options.out)
    experiment.start()
    rows: list[dict[str, Any]] = []
    for title, system in SYSTEMS.items():
        for length in options.rows:

            def found(seed, system=system, length=length):
                recording = simulated.record(system, length, options.noise, seed)
                return simulated.terms_of(nsindy.discover(*recording))

            said = f"{title}, {length} rows"
            counts = simulated.counted(options.seeds, found, system.truth, said)
            rows.append({"system": title, "rows": length} | counts)
    written.write_rows(
        out,
        rows,
        labels=[f"{row['system']}, {row['rows']} rows" for row in rows],
        title=f"Exact terms from few rows, noise {options.noise:.0%} of each state",
        what={"what": "all equations exact (% of seeds, 95 % interval)"},
    )


if __name__ == "__main__":
    main()
