"""How few rows are enough: four systems, 12 to 30 noisy rows, and how often the terms are exact."""

import argparse
from typing import Any, NamedTuple

import command_line
import common
import numpy as np
from scipy.integrate import solve_ivp
from tqdm import tqdm

import nsindy
from nsindy import metrics, results


class System(NamedTuple):
    """Equations, what they are made of, and what is recorded of them."""

    field: Any
    initial: tuple[float, ...]
    end: float
    truth: tuple[frozenset[str], ...]


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
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=int, default=16, help="draws of the noise")
    add("--rows", type=int, nargs="+", default=[12, 20, 30], help="rows of a recording")
    add("--noise", type=float, default=0.03, help="as a share of each state's standard deviation")
    add("--out", default="out/few_rows", help="folder of summary.json and figure.png")
    arguments = options.parse_args()
    common.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every number of rows, each line printed as it comes."""
    if options.seeds < 1 or min(options.rows) < 10 or options.noise < 0:
        raise ValueError("give --seeds of at least 1, --rows of at least 10, --noise of at least 0")
    out = results.check_folder(options.out)
    common.start()
    rows: list[dict[str, Any]] = []
    for title, system in SYSTEMS.items():
        for length in options.rows:
            seeds = tqdm(range(options.seeds), desc=f"{title}, {length}", disable=None, leave=False)
            pairs = [(found(system, length, options.noise, seed), system.truth) for seed in seeds]
            count = sum(mine == truth for mine, truth in pairs)
            wrong = sum(any(a - b for a, b in zip(*pair, strict=True)) for pair in pairs)
            rows.append(
                {"system": title, "rows": length, "seeds": options.seeds}
                | {"recovery_count": count, "recovery_rate": count / options.seeds}
                | {"recovery_ci95": metrics.rate_interval(count, options.seeds), "false": wrong}
            )
            print(f"{title:<20}{length:>4} rows: exact {count}/{options.seeds}, false {wrong}")
    common.write_rows(
        out,
        rows,
        labels=[f"{row['system']}, {row['rows']} rows" for row in rows],
        title=f"Exact terms from few rows, noise {options.noise:.0%} of each state",
        what={"what": "all equations exact (% of seeds, 95 % interval)"},
    )


def found(system: System, length: int, noise: float, seed: int) -> tuple[frozenset[str], ...]:
    """The terms of every equation that `nsindy.discover` finds with no option set."""
    t = np.linspace(0, system.end, length)
    clean = solve_ivp(
        system.field, (0, system.end), system.initial, t_eval=t, rtol=1e-9, atol=1e-9
    ).y.T
    draws = np.random.default_rng(seed).normal(size=clean.shape)
    discovery = nsindy.discover(t, clean + noise * clean.std(0) * draws)
    chosen = np.asarray(discovery.coefficients) != 0
    return tuple(frozenset(discovery.terms[m] for m in np.flatnonzero(row)) for row in chosen)


if __name__ == "__main__":
    main()
