"""A filmed oscillator with weak damping: nsindy, PySINDy, and the fit of a damped cosine."""

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from peers import pysindy_grid
from support import command_line, experiment, written

from nsindy.runtime import files

NORMAL95 = 1.959964


class Fit(NamedTuple):
    """x'' = -k x - c x' fitted to positions by maximum likelihood.

    Attributes:
      values: k, c, the centre, and the two amplitudes [5].
      errors: their standard errors [5].
      residual: root mean square of what is left, in units of the position.
    """

    values: np.ndarray
    errors: np.ndarray
    residual: float


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
    times, positions = read(options.data)
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


def read(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Times [N] and positions [N] of a CSV of two columns.

    Raises:
      ValueError: no path, or the file cannot be read, or is no such CSV.
    """
    if not path:
        raise ValueError("give the recording with --data PATH; it does not come with the project")
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no CSV of times and positions: {error}") from error
    if table.shape[1] != 2 or len(table) < 10 or not np.isfinite(table).all():
        raise ValueError(f"{path} must have two columns of 10 or more finite numbers")
    if not (np.diff(table[:, 0]) > 0).all():
        raise ValueError(f"the first column of {path}, the times, must increase")
    return table[:, 0], table[:, 1]


def damped_cosine(times: np.ndarray, positions: np.ndarray) -> Fit:
    """Maximum likelihood of x = m + e^{-ct/2} (a cos ωt + b sin ωt) with ω² = k - c²/4.

    The noise is normal with the same variance for all positions, so this is least squares; the
    standard errors are those of the linearised model. The search starts at the frequency, of a
    grid that resolves the span of the recording, at which an undamped cosine fits best.

    Args:
      times: [N].
      positions: [N].
    """
    from scipy.optimize import least_squares

    clock = times - times[0]
    span, step = clock[-1], float(np.median(np.diff(clock)))
    waves = np.arange(np.pi / span, 0.5 * np.pi / step, 0.5 * np.pi / span)

    def linear(omega: float, damping: float) -> tuple[np.ndarray, np.ndarray]:
        decay = np.exp(-0.5 * damping * clock)
        columns = (
            np.ones_like(clock),
            decay * np.cos(omega * clock),
            decay * np.sin(omega * clock),
        )
        basis = np.column_stack(columns)
        weights = np.linalg.lstsq(basis, positions, rcond=None)[0]
        return weights, basis @ weights - positions

    start = waves[np.argmin([np.sum(linear(omega, 0.0)[1] ** 2) for omega in waves])]

    def residuals(values: np.ndarray) -> np.ndarray:
        k, c, centre, a, b = values
        omega = np.sqrt(max(k - c**2 / 4, 1e-12))
        decay = np.exp(-0.5 * c * clock)
        wave = a * np.cos(omega * clock) + b * np.sin(omega * clock)
        return centre + decay * wave - positions

    guess = np.array([start**2, 0.0, *linear(start, 0.0)[0]])
    found = least_squares(residuals, guess, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    variance = float(np.sum(found.fun**2)) / (len(times) - len(guess))
    covariance = variance * np.linalg.inv(found.jac.T @ found.jac)
    return Fit(found.x, np.sqrt(np.diag(covariance)), float(np.sqrt(np.mean(found.fun**2))))


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


def against(row: dict[str, Any], reference: Fit) -> None:
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
