"""How long a person waits for equations: whole processes on files of many sizes."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
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
    """Seconds of whole processes.

    Attributes:
      rows: for every file its rows and states, the seconds to its equations with a warm cache and
        a size that the cache never saw, those that a call in Python takes after one on another
        size, and those of PySINDy's grid (None where it is not installed).
      imports: of importing what a discovery needs.
      warm: of `nsindy warm`.
      cold: to the equations of the first file of each number of states with an empty cache.
    """

    rows: list[Row]
    imports: float
    warm: float
    cold: list[float]


def waits(count: int) -> Waits:
    """Measure on so many files, of 100 to 2,000 rows and one to three states in turn."""
    here = Path(__file__).parents[1]
    sizes = np.geomspace(100, 2000, count).astype(int)
    module = [sys.executable, "-m", "nsindy"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = [_write(folder / f"{rows}.csv", rows, i % 3) for i, rows in enumerate(sizes)]
        found = os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])
        variables = os.environ | {"PYTHONPATH": found}
        variables.pop("JAX_COMPILATION_CACHE_DIR", None)

        def run(*command: str, cache: str = "cache") -> tuple[float, str]:
            kept = variables | {"NSINDY_CACHE": str(folder / cache)}
            start = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, env=kept, text=True)
            return time.perf_counter() - start, done.stdout

        def discover(path: Path, cache: str = "cache") -> float:
            return run(*module, "discover", str(path), cache=cache)[0]

        warm = run(*module, "warm")[0]
        imports = min(
            run(sys.executable, "-c", "import nsindy.discovery.pipeline")[0] for _ in range(3)
        )
        second = json.loads(run(sys.executable, "-c", SECOND, *map(str, files))[1])
        rows = []
        for i, (size, path) in enumerate(zip(sizes.tolist(), files, strict=True)):
            row: Row = {"rows": size, "states": i % 3 + 1, "seconds": discover(path)}
            # The first call of all has no other before it.
            row["second_call"] = second[i] if i else None
            row["pysindy"] = None
            if importlib.util.find_spec("pysindy"):
                row["pysindy"] = run(sys.executable, "-c", GRID, str(path))[0]
            rows.append(row)
        cold = [discover(path, cache=f"empty{i}") for i, path in enumerate(files[-3:])]
    return Waits(rows, imports, warm, cold)


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
