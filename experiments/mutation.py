"""Break the numerical rooms in one place at a time, and see whether their tests notice.

Cosmic Ray lists the mutants of each room and applies them; a seeded sample of them meets the tests
of its room, each in a copy of the project. A mutant that no test notices is either explained in
`results/mutation/explained.json`, or asks for a test.
"""

import argparse
import ast
import collections
import concurrent.futures
import contextlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROOMS = (
    "routers/gates",
    "routers/settings",
    "routers/training",
    "routers/gradients",
    "routers/stlsq",
    "paper/metrics",
    "evidence/regression",
)
EXPLAINED = ROOT / "results" / "mutation" / "explained.json"

HOPELESS = re.compile(
    r"_(Is|IsNot|LShift|RShift|Mod|FloorDiv)$"
    r"|_(Add|Sub|Mul|Div|Pow)_Bit|_Bit(And|Or|Xor)_(Add|Sub|Mul|Div|Pow)$"
    r"|_Invert_(Not|UAdd|USub)|_(USub|UAdd)_(Invert|Not|UAdd)"
)
"""Operators that arrays refuse with a TypeError, or that change nothing: any test or none notices,
which would flatter the share of the noticed ones or ask for what cannot be."""


def running_code(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Spans of the expressions that are evaluated for their values: no annotations, no imports."""
    tree = ast.parse(source)
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for name in ("annotation", "returns")
        if isinstance(getattr(node, name, None), ast.expr)
        for inner in ast.walk(getattr(node, name))
    }
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare | ast.Constant)
        and id(node) not in annotations
    ]


def mutants(room: str, count: int, seed: int) -> list[Any]:
    """Draw mutants of a room, from as many places as there are before a place gets a second one."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    path = Path("nsindy") / f"{room}.py"
    # Cosmic Ray counts columns in characters, the syntax tree in bytes.
    source = (ROOT / path).read_text(encoding="utf-8")
    lines = source.splitlines()
    spans = running_code(source)
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(ROOT),
        use_db(str(Path(folder) / "mutants.sqlite"), WorkDB.Mode.create) as database,
    ):
        init([path], database, {})
        listed = [item.mutations[0] for item in database.work_items]
    listed = sorted(
        (mutant for mutant in listed if not HOPELESS.search(mutant.operator_name)),
        key=lambda mutant: (mutant.start_pos, mutant.operator_name, mutant.occurrence),
    )

    def runs(mutant: Any) -> bool:
        line, column = mutant.start_pos
        at = (line, len(lines[line - 1][:column].encode()))
        return any(begin <= at < end for begin, end in spans)

    listed = [mutant for mutant in listed if runs(mutant)]
    draw = random.Random(f"{room} {seed}")
    draw.shuffle(listed)
    taken: collections.Counter = collections.Counter()
    ranks = []
    for mutant in listed:
        ranks.append(taken[mutant.start_pos])
        taken[mutant.start_pos] += 1
    order = sorted(range(len(listed)), key=lambda index: ranks[index])
    return [listed[index] for index in order[:count]]


def start(folder: str) -> None:
    """Give a worker a copy of the project to break."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in ("nsindy", "tests", "pyproject.toml"):
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, copy / name)
    os.chdir(copy)


def tests_of(room: str) -> str:
    """Give the command that runs the tests of a room until one fails."""
    package, name = room.split("/")
    return f"{sys.executable} -m pytest -x -p no:cacheprovider tests/{package}/test_{name}.py"


def untouched(room: str) -> float:
    """Seconds that the tests of a room take on the code as it is.

    Raises:
      ValueError: they fail, so that nothing can be said of mutants.
    """
    from cosmic_ray.testing import TestOutcome, run_tests

    begin = time.monotonic()
    outcome, output = run_tests(tests_of(room), 600)
    if outcome is not TestOutcome.SURVIVED:
        raise ValueError(f"the tests of {room} fail as it is:\n{output[-2000:]}")
    return time.monotonic() - begin


def judge(room: str, mutant: Any, seconds: float) -> dict[str, Any]:
    """Run the tests of a room on one mutant."""
    from cosmic_ray.mutating import mutate_and_test

    begin = time.monotonic()
    result = mutate_and_test([mutant], tests_of(room), seconds)
    changed = [
        line
        for line in (result.diff or "").splitlines()
        if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")
    ]
    if result.test_outcome is None or not changed:
        raise RuntimeError(f"no mutant was made: {result.output}")
    outcome = result.test_outcome.value
    return {
        "file": f"nsindy/{room}.py",
        "line": mutant.start_pos[0],
        "operator": mutant.operator_name.removeprefix("core/"),
        "old": " ".join(line[1:].strip() for line in changed if line[0] == "-"),
        "new": " ".join(line[1:].strip() for line in changed if line[0] == "+"),
        "outcome": "timed out" if result.output == "timeout" else outcome,
        "seconds": round(time.monotonic() - begin, 1),
    }


def campaign(rooms: list[str], count: int, seed: int, jobs: int, limit: float) -> dict[str, Any]:
    """Judge a sample of the mutants of every room, and explain the survivors that can be."""
    explained = {}
    if EXPLAINED.exists():
        for each in json.loads(EXPLAINED.read_text(encoding="utf-8")):
            explained[each["file"], each["old"], each["new"]] = each["why"]
    with tempfile.TemporaryDirectory() as folder:
        # What a mutant leaves as it is need not be compiled again for each.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(folder) / "cache"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
        with concurrent.futures.ProcessPoolExecutor(
            jobs, initializer=start, initargs=(folder,)
        ) as pool:
            limits = dict.fromkeys(rooms, limit)
            if not limit:
                seconds = pool.map(untouched, rooms)
                # A mutant compiles anew what the cache holds of the code as it is.
                limits = {room: 30 + 3 * each for room, each in zip(rooms, seconds, strict=True)}
            todo = [(room, each) for room in rooms for each in mutants(room, count, seed)]
            running = {
                pool.submit(judge, room, mutant, limits[room]): index
                for index, (room, mutant) in enumerate(todo)
            }
            rows: dict[int, dict[str, Any]] = {}
            for done in concurrent.futures.as_completed(running):
                row = rows[running[done]] = done.result()
                print(f"{row['file']}:{row['line']} {row['outcome']} ({row['seconds']} s)")
                if row["outcome"] == "survived":
                    row["why"] = explained.get((row["file"], row["old"], row["new"]))
                    print(f"  - {row['old']}\n  + {row['new']}\n  {row['why'] or 'UNEXPLAINED'}")
    found = [rows[index] for index in sorted(rows)]
    return {"seed": seed, "rooms": {room: tally(room, found) for room in rooms}, "mutants": found}


def tally(room: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Count the outcomes of one room."""
    outcomes = [row["outcome"] for row in rows if row["file"] == f"nsindy/{room}.py"]
    return {name: outcomes.count(name) for name in ("killed", "timed out", "survived")}


def main() -> int:
    """Run the command line; 1 where a survivor is not explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--count", type=int, default=12, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument(
        "--limit", type=float, default=0.0, help="seconds of a mutant (measured if not given)"
    )
    parser.add_argument("--out", type=Path, help="folder for summary.json")
    options = parser.parse_args()
    summary = campaign(options.rooms, options.count, options.seed, options.jobs, options.limit)
    for room, counts in summary["rooms"].items():
        print(f"{room}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if options.out:
        from nsindy.runtime.files import write_json

        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "summary.json", summary)
    return int(any(not row["why"] for row in summary["mutants"] if row["outcome"] == "survived"))


if __name__ == "__main__":
    sys.exit(main())
