"""Waves sin(w x) whose w is fitted: where there is one, and where there is none."""

import argparse
import re
from typing import Any

import numpy as np
from support import command_line, experiment, simulated, written
from support.simulated import System

import nsindy
from nsindy.runtime import files
from nsindy.terms.numbered import WAVE, inner_of

DEGREE = np.pi / 180


def _turning(t, y):
    """A damped pendulum in degrees."""
    return [y[1], -np.sin(DEGREE * y[0]) / DEGREE - 0.1 * y[1]]


_RING = frozenset({"1", "sin(w x)"})
_SWING = (frozenset({"v"}), frozenset({"v", "sin(w x)"}))

SYSTEMS: dict[str, tuple[System, int, float]] = {
    "pendulum in degrees": (System(_turning, (120.0, 0.0), 20.0, _SWING), 1, DEGREE),
    "pendulum in degrees, angle alone": (System(_turning, (120.0, 0.0), 20.0, _SWING), 2, DEGREE),
    "phase in revolutions": (
        System(lambda t, y: [0.6 - 0.4 * np.sin(2 * np.pi * y[0])], (0.0,), 7.0, (_RING,)),
        1,
        2 * np.pi,
    ),
    "Van der Pol (no wave)": (
        System(
            lambda t, y: [y[1], 1.5 * (1 - y[0] ** 2) * y[1] - y[0]],
            (1.0, 0.0),
            20.0,
            (frozenset({"v"}), frozenset({"x", "v", "x^2 v"})),
        ),
        1,
        0.0,
    ),
    "Duffing, × 57.3 (no wave)": (
        System(
            lambda t, y: [y[1], y[0] - (y[0] / 57.3) ** 2 * y[0] - 0.1 * y[1]],
            (90.0, 0.0),
            20.0,
            (frozenset({"v"}), frozenset({"x", "v", "x^3"})),
        ),
        1,
        0.0,
    ),
    "damped oscillator, × 100 (no wave)": (
        System(
            lambda t, y: [y[1], -y[0] - 0.1 * y[1]],
            (100.0, 0.0),
            20.0,
            (frozenset({"v"}), frozenset({"x", "v"})),
        ),
        1,
        0.0,
    ),
}
"""Each with the order that it is searched in and the true w, 0 where there is no wave."""


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = simulated.options(__doc__, 0.005, "fitted_frequency")
    add = options.add_argument
    add("--rows", type=command_line.at_least(20), default=400, help="rows of a recording")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system, each line printed as it comes."""
    out = files.check_folder(options.out)
    experiment.start()
    rows: list[dict[str, Any]] = []
    for title, (system, order, number) in SYSTEMS.items():
        numbers: list[float] = []

        def found(seed, system=system, order=order, numbers=numbers):
            t, x = simulated.record(system, options.rows, options.noise, seed)
            x, names = (x[:, :1], ["x"]) if order == 2 else (x, ["x", "v"][: x.shape[1]])
            discovery = nsindy.discover(t, x, states=names, order=order)
            used = (np.asarray(discovery.coefficients) != 0).any(0)
            chosen = [term for term, here in zip(discovery.library, used, strict=True) if here]
            inner = [each for each in map(inner_of, chosen) if each is not None]
            numbers += [each.number for each in inner if each.kind == WAVE][:1]
            return tuple(
                frozenset(_plain(name) for name in row) for row in simulated.terms_of(discovery)
            )

        row = {"system": title, "order": order, "w": number}
        row |= simulated.counted(options.seeds, found, system.truth, title)
        row |= {"waves": len(numbers)}
        if number and numbers:
            row["median_error_of_w"] = float(np.median(np.abs(np.array(numbers) / number - 1)))
        rows.append(row)
    written.write_rows(
        out,
        rows,
        labels=[row["system"] for row in rows],
        title=f"sin(w x) with w fitted, and no wave where there is none, noise {options.noise:.1%}",
        what={"what": "all equations exact (% of seeds, 95 % interval)"},
    )


def _plain(name: str) -> str:
    """A term with w for its fitted number and v for the velocity that was not measured."""
    return re.sub(r"\(\S+ x\)", "(w x)", name.replace("x'", "v"))


if __name__ == "__main__":
    main()
