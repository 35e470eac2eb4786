"""A filmed oscillator with weak damping: nsindy, PySINDy, and the fit of a damped cosine."""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from peers import pysindy_grid
from peers.damped_cosine import CosineFit, damped_cosine, read_film
from support import command_line, experiment, written

from nsindy.runtime import files

NORMAL95 = 1.959964


def main() -> None:
    """Parse, fit, print the table, write summary.json."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--data", help="CSV with a header and the columns time and position")
    add("--methods", nargs="+", choices=("nsindy", "pysindy"), default=["nsindy", "pysindy"])
    add("--out", default="out/air_track", help="folder for summary.json")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """The reference first, then every method against it."""
    times, positions = read_film(options.data)
    out = files.check_folder(options.out)
    experiment.start()
    reference = damped_cosine(times, positions)
    (k, c), (k_error, c_error) = reference.values[:2], reference.errors[:2]
    print(
        f"damped cosine, {len(times)} positions: k = {k:.5f} ± {k_error:.5f}, "
        f"c = {c:.6f} ± {c_error:.6f}, residual {reference.residual:.3f}"
    )
    rows = []
    if "nsindy" in options.methods:
        rows.append(discovered(times, positions))
    if "pysindy" in options.methods:
        rows += regressions(times, positions)
    for row in rows:
        against(row, reference)
        print(line(row))
    made = {"command": written.command(), "versions": written.versions(), "reference": reference}
    files.write_json(out / "summary.json", made | {"rows": rows})
    print(f"wrote {out / 'summary.json'}")


def discovered(times: np.ndarray, positions: np.ndarray) -> dict[str, Any]:
    """What `nsindy.discover` finds from the positions, with order=2 and nothing else set."""
    import nsindy

    found = nsindy.discover(times, positions[:, None], order=2)
    position, velocity = found.states
    names = list(found.terms)
    coefficients, errors = (
        np.asarray(values, np.float64)[1] for values in (found.coefficients, found.standard_errors)
    )
    chosen = [name for name, value in zip(names, coefficients, strict=True) if value]
    row: dict[str, Any] = {"method": "nsindy", "equation": str(found), "terms": chosen}
    for letter, name in (("k", position), ("c", velocity)):
        row[letter] = row[f"{letter}_interval"] = None
        if name in chosen:
            value, error = -coefficients[names.index(name)], errors[names.index(name)]
            row[letter] = float(value)
            row[f"{letter}_interval"] = (value - NORMAL95 * error, value + NORMAL95 * error)
    row["form"] = set(chosen) - {"1"} == {position, velocity}
    return row


def regressions(times: np.ndarray, positions: np.ndarray) -> Iterator[dict[str, Any]]:
    """PySINDy with position and estimated velocity as states, for each way of estimating it.

    First told the form (degree 1, with a threshold below every coefficient), then the setting that
    the grid chooses by integration.
    """
    pysindy_grid.pysindy()
    for name in pysindy_grid.DIFFERENTIATORS:
        with pysindy_grid.quiet():
            velocity = pysindy_grid.differentiator(name)(positions[:, None], times)
            states = np.column_stack([positions, velocity])
            model = pysindy_grid.fit(times, states, pysindy_grid.Setting(1, False, 0.001, name))
        told = f"told the form, {name}"
        yield regression(pysindy_grid.expressions(model), told)
        grid = pysindy_grid.choose(times, states)
        yield regression(grid.expressions, f"grid on the velocity of {name}: {grid.setting}")


def regression(expressions, setting: str) -> dict[str, Any]:
    """The row of a PySINDy model in position x_0 and velocity x_1."""
    from peers import odebench

    position, velocity = odebench.symbols(2)
    second = expressions[1].expand()
    k, c = (
        -float(second.coeff(each).as_independent(position, velocity)[0])
        for each in (position, velocity)
    )
    terms = odebench.term_set(second, (position, velocity))
    return {
        "method": f"PySINDy, {setting}",
        "equation": " | ".join(f"{each.evalf(6)}" for each in expressions),
        "terms": sorted(map(str, terms)),
        "k": k,
        "c": c,
        "k_interval": None,
        "c_interval": None,
        "form": terms - {1} == {position, velocity}
        and expressions[0].expand().coeff(velocity) != 0,
    }


def against(row: dict[str, Any], reference: CosineFit) -> None:
    """Add relative errors against the reference, and whether it lies in the stated interval."""
    for letter, value in zip("kc", reference.values[:2], strict=True):
        found, interval = row[letter], row[f"{letter}_interval"]
        row[f"{letter}_error"] = None if found is None else float(found / value - 1)
        row[f"{letter}_inside"] = None
        if interval is not None:
            row[f"{letter}_inside"] = bool(interval[0] <= value <= interval[1])


def line(row: dict[str, Any]) -> str:
    """A few lines of the table."""
    parts = [row["method"], f"    {row['equation']}"]
    for letter in "kc":
        if row[letter] is None:
            parts.append(f"    {letter} is missing")
            continue
        words = f"    {letter} = {row[letter]:.6f}, {100 * row[f'{letter}_error']:+.2f} %"
        if row[f"{letter}_interval"] is not None:
            low, high = row[f"{letter}_interval"]
            inside = "inside" if row[f"{letter}_inside"] else "outside"
            words += f", 95 % interval [{low:.6f}, {high:.6f}], the reference {inside}"
        parts.append(words)
    parts.append(f"    form x'' = -k x - c x': {'yes' if row['form'] else 'no'}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
