"""How long a person waits for equations: whole processes on files of many sizes."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from support.simulated import System

Row = dict[str, Any]

SYSTEMS = (
    System(lambda t, y: [-0.3 * y[0]], (2.0,), 10.0, ()),
    System(lambda t, y: [y[1], (1 - y[0] ** 2) * y[1] - y[0]], (1.0, 0.0), 20.0, ()),
    System(
        lambda t, y: [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]],
        (1.0, 2.0, 20.0),
        8.0,
        (),
    ),
)
"""Of one, two and three states."""

NOISE = 0.01
"""As a share of each state's standard deviation."""

GRID = """
import sys, numpy as np
import pysindy
from peers import pysindy_grid
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
pysindy_grid.choose(table[:, 0], table[:, 1:])
"""

PYSINDY = "import pysindy"

EQUATION = re.compile(r"\S+' = ")
"""The beginning of a line."""

APPROXIMATE = 3
"""Exit status of a discovery that explains a recording approximately, or not at all."""

SECOND = """
import json, sys, time, numpy as np, nsindy
tables = [np.loadtxt(path, delimiter=",", skiprows=1) for path in sys.argv[1:]]
taken = []
for table in tables:
    start = time.perf_counter()
    nsindy.discover(table[:, 0], table[:, 1:])
    taken.append(time.perf_counter() - start)
print(json.dumps(taken))
"""


class Waits(NamedTuple):
    """Seconds of whole processes, by the clock.

    Attributes:
      rows: for every file its rows and states, the seconds to its equations with a warm cache and
        a size that the cache never saw, those to the end of its report, those that a call in Python
        takes after one on another size (None for the first), those of PySINDy's import and grid
        (None where it is not installed), and whether it says that an equation was found.
      imports: of importing what a discovery needs.
      pysindy_import: of importing PySINDy; None where it is not installed.
      warm: of `nsindy warm`.
      cold: to the equations of the last file of each number of states with an empty cache.
    """

    rows: list[Row]
    imports: float
    pysindy_import: float | None
    warm: float
    cold: list[float]


def waits(count: int, pysindy: str | None = None) -> Waits:
    """Measure on so many files, of 100 to 2,000 rows and one to three states in turn.

    Args:
      count: files.
      pysindy: folder that PySINDy is imported from, with what it needs; None for the usual places.
    """
    here = Path(__file__).parents[1]
    sizes = np.geomspace(100, 2000, count).astype(int)
    command = [sys.executable, "-m", "nsindy"]
    python = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = [_write(folder / f"{rows}.csv", rows, i % 3) for i, rows in enumerate(sizes)]
        # The cache of programs is of these runs alone.
        mine = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
        mine["NSINDY_CACHE"] = str(folder / "cache")
        theirs = mine | {"PYTHONPATH": _joined(here, pysindy, os.environ.get("PYTHONPATH"))}

        def discover(path: Path, cache: str = "cache") -> Waited:
            kept = mine | {"NSINDY_CACHE": str(folder / cache)}
            return wait([*command, "discover", str(path)], kept)

        warm = wait([*command, "warm"], mine).end
        imports = min(
            wait([*python, "import nsindy.discovery.pipeline"], mine).end for _ in range(3)
        )
        installed = subprocess.run([*python, PYSINDY], env=theirs, capture_output=True)
        known = installed.returncode == 0
        second = json.loads(wait([*python, SECOND, *map(str, files)], mine).said)
        rows = []
        for i, (size, path) in enumerate(zip(sizes.tolist(), files, strict=True)):
            done = discover(path)
            row: Row = {"rows": size, "states": i % 3 + 1, "found": done.found}
            row |= {"seconds": done.equations, "report": done.end}
            row["second_call"] = second[i] if i else None
            row["pysindy"] = wait([*python, GRID, str(path)], theirs).end if known else None
            rows.append(row)
        cold = [discover(path, f"empty{i}").equations for i, path in enumerate(files[-3:])]
        least = min(wait([*python, PYSINDY], theirs).end for _ in range(3)) if known else None
    return Waits(rows, imports, least, warm, cold)


class Waited(NamedTuple):
    """A process that has ended.

    Attributes:
      said: what it wrote to its standard output.
      equations: seconds to its first equation; to its end if it wrote none.
      end: seconds to its end.
      found: False if it says that it found an approximation.
    """

    said: str
    equations: float
    end: float
    found: bool


def wait(command: Sequence[str], variables: Mapping[str, str]) -> Waited:
    """Run a command to its end.

    Raises:
      subprocess.CalledProcessError: it fails.
    """
    start, first, lines = time.perf_counter(), None, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if first is None and EQUATION.match(line):
                first = time.perf_counter() - start
    end = time.perf_counter() - start
    if process.returncode not in (0, APPROXIMATE):
        raise subprocess.CalledProcessError(process.returncode, command)
    found = process.returncode == 0
    return Waited("".join(lines), end if first is None else first, end, found)


def _joined(*places: "str | Path | None") -> str:
    return os.pathsep.join(str(place) for place in places if place)


def _write(path: Path, rows: int, number: int) -> Path:
    """A noisy recording of so many rows as a file."""
    system = SYSTEMS[number]
    times = np.linspace(0, system.end, rows)
    clean = solve_ivp(
        system.field, (0, system.end), system.initial, t_eval=times, rtol=1e-9, atol=1e-9
    ).y.T
    noise = np.random.default_rng(rows).standard_normal(clean.shape)
    table = np.column_stack([times, clean + NOISE * clean.std(0) * noise])
    names = ",".join(["t", "x", "y", "z"][: table.shape[1]])
    np.savetxt(path, table, delimiter=",", header=names, comments="")
    return path
