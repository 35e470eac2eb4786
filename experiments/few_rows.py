"""How few rows are enough: four systems, 12 to 30 noisy rows, and how often the terms are exact."""

import argparse
from typing import Any

from support import command_line, experiment, simulated, written

import nsindy
from nsindy.runtime import files


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
    for title, system in simulated.SYSTEMS.items():
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
