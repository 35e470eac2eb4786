"""Mutants of a module: drawn, applied to a copy of the project, and judged by its tests."""

import ast
import collections
import contextlib
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("routers", "evidence", "trajectories", "discovery")
"""Packages of numbers, whose modules with a test of their own are checked."""


def modules() -> tuple[str, ...]:
    """`package/module` of every module that is checked, the mirror of its tests."""
    tests = [path for package in PACKAGES for path in (ROOT / "tests" / package).glob("test_*.py")]
    found = {f"{path.parent.name}/{path.stem.removeprefix('test_')}" for path in tests}
    kept = {name for name in found if (ROOT / "nsindy" / f"{name}.py").exists()}
    return (*sorted(kept), "paper/metrics")


HOPELESS = re.compile(
    r"_(Is|IsNot|LShift|RShift|Mod|FloorDiv)$"
    r"|_(Add|Sub|Mul|Div|Pow)_Bit|_Bit(And|Or|Xor)_(Add|Sub|Mul|Div|Pow)$"
    r"|_Invert_(Not|UAdd|USub)|_(USub|UAdd)_(Invert|Not|UAdd)"
)
"""Operators for which arrays raise a TypeError, or that change nothing: any test or none notices,
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


def draw_mutants(module: str, count: int, seed: int) -> list[Any]:
    """Draw mutants of a module; no place gets a second one before every place has one."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    path = Path("nsindy") / f"{module}.py"
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
    draw = random.Random(f"{module} {seed}")
    draw.shuffle(listed)
    taken: collections.Counter = collections.Counter()
    ranks = []
    for mutant in listed:
        ranks.append(taken[mutant.start_pos])
        taken[mutant.start_pos] += 1
    order = sorted(range(len(listed)), key=lambda index: ranks[index])
    return [listed[index] for index in order[:count]]


def enter_copy(folder: str) -> None:
    """Give a worker a copy of the project to break."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in ("nsindy", "tests", "pyproject.toml"):
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, copy / name)
    os.chdir(copy)
    # What scripts set for themselves is not how the tests run.
    os.environ.pop("EQX_ON_ERROR", None)


def tests_of(module: str) -> str:
    """Give the command that runs the tests of a module until one fails."""
    package, name = module.split("/")
    return f"{sys.executable} -m pytest -x -p no:cacheprovider tests/{package}/test_{name}.py"


def untouched(module: str) -> float:
    """Seconds that the tests of a module take on the code as it is.

    Raises:
      ValueError: they fail, so that nothing can be said of mutants.
    """
    from cosmic_ray.testing import TestOutcome, run_tests

    begin = time.monotonic()
    outcome, output = run_tests(tests_of(module), 600)
    if outcome is not TestOutcome.SURVIVED:
        raise ValueError(f"the tests of {module} fail as it is:\n{output[-2000:]}")
    return time.monotonic() - begin


def judge(module: str, mutant: Any, seconds: float) -> dict[str, Any]:
    """Run the tests of a module on one mutant."""
    from cosmic_ray.mutating import mutate_and_test

    begin = time.monotonic()
    result = mutate_and_test([mutant], tests_of(module), seconds)
    changed = [
        line
        for line in (result.diff or "").splitlines()
        if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")
    ]
    if result.test_outcome is None or not changed:
        raise RuntimeError(f"no mutant was made: {result.output}")
    outcome = result.test_outcome.value
    return {
        "file": f"nsindy/{module}.py",
        "line": mutant.start_pos[0],
        "operator": mutant.operator_name.removeprefix("core/"),
        "old": " ".join(line[1:].strip() for line in changed if line[0] == "-"),
        "new": " ".join(line[1:].strip() for line in changed if line[0] == "+"),
        "outcome": "timed out" if result.output == "timeout" else outcome,
        "seconds": round(time.monotonic() - begin, 1),
    }
