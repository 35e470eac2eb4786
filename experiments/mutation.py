"""Break the numerical modules in one place at a time, and see whether their tests notice.

Cosmic Ray lists the mutants of each module and applies them; a seeded sample of them meets the
tests of its module, each in a copy of the project. A mutant that no test notices is either
explained in `results/mutation/explained.json`, or asks for a test.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from support import mutants

EXPLAINED = mutants.ROOT / "results" / "mutation" / "explained.json"


def campaign(modules: list[str], count: int, seed: int, jobs: int, limit: float) -> dict[str, Any]:
    """Judge a sample of the mutants of every module, and explain the survivors that can be."""
    explained = {}
    if EXPLAINED.exists():
        for each in json.loads(EXPLAINED.read_text(encoding="utf-8")):
            explained[each["file"], each["old"], each["new"]] = each["why"]
    with tempfile.TemporaryDirectory() as folder:
        # What a mutant leaves as it is need not be compiled again for each.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(folder) / "cache"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
        with concurrent.futures.ProcessPoolExecutor(
            jobs, initializer=mutants.enter_copy, initargs=(folder,)
        ) as pool:
            limits = dict.fromkeys(modules, limit)
            if not limit:
                seconds = pool.map(mutants.untouched, modules)
                # A mutant compiles anew what the cache holds of the code as it is.
                limits = {
                    module: 30 + 3 * each for module, each in zip(modules, seconds, strict=True)
                }
            todo = [
                (module, each)
                for module in modules
                for each in mutants.draw_mutants(module, count, seed)
            ]
            running = {
                pool.submit(mutants.judge, module, mutant, limits[module]): index
                for index, (module, mutant) in enumerate(todo)
            }
            rows: dict[int, dict[str, Any]] = {}
            for done in concurrent.futures.as_completed(running):
                row = rows[running[done]] = done.result()
                print(f"{row['file']}:{row['line']} {row['outcome']} ({row['seconds']} s)")
                if row["outcome"] == "survived":
                    row["why"] = explained.get((row["file"], row["old"], row["new"]))
                    print(f"  - {row['old']}\n  + {row['new']}\n  {row['why'] or 'UNEXPLAINED'}")
    found = [rows[index] for index in sorted(rows)]
    return {
        "seed": seed,
        "modules": {module: tally(module, found) for module in modules},
        "mutants": found,
    }


def tally(module: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Count the outcomes of one module."""
    outcomes = [row["outcome"] for row in rows if row["file"] == f"nsindy/{module}.py"]
    return {name: outcomes.count(name) for name in ("killed", "timed out", "survived")}


def main() -> int:
    """Run the command line; 1 where a survivor is not explained."""
    every = mutants.modules()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--modules", nargs="+", choices=every, default=list(every), metavar="PACKAGE/MODULE"
    )
    parser.add_argument("--count", type=int, default=12, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument(
        "--limit", type=float, default=0.0, help="seconds of a mutant (measured if not given)"
    )
    parser.add_argument("--out", type=Path, help="folder for summary.json")
    options = parser.parse_args()
    summary = campaign(options.modules, options.count, options.seed, options.jobs, options.limit)
    for module, counts in summary["modules"].items():
        print(f"{module}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if options.out:
        from nsindy.runtime.files import write_json

        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "summary.json", summary)
    return int(any(not row["why"] for row in summary["mutants"] if row["outcome"] == "survived"))


if __name__ == "__main__":
    sys.exit(main())
