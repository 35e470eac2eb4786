"""Recordings to try the command on: hares and lynxes of the Hudson Bay, a noisy Van der Pol."""

import argparse
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp
from support import command_line

from nsindy.runtime import files

# Pelts that the Hudson's Bay Company took in a year, 1900 to 1920, in thousands; in use as a table
# since Elton and Nicholson, "The ten-year cycle in numbers of the lynx in Canada", Journal of
# Animal Ecology 11 (1942), 215-244, and Odum, Fundamentals of Ecology (1953).
HARE = (30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1)
HARE += (40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7)
LYNX = (4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4)
LYNX += (8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6)


def main() -> None:
    """Parse, and write both tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--noise", type=float, default=0.02, help="noise of the Van der Pol's x and y")
    add("--seed", type=int, default=0, help="seed of that noise")
    add("--out", default="out/recordings", help="folder for the tables")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Write hares_and_lynxes.csv and van_der_pol.csv."""
    out = files.check_folder(options.out)
    years = np.arange(1900, 1900 + len(HARE))
    write(out / "hares_and_lynxes.csv", "year,hare,lynx", years, HARE, LYNX, digits=1)
    t = np.arange(0.0, 20.0, 0.05)
    states = van_der_pol(t)
    noise = np.random.default_rng(options.seed).normal(0.0, options.noise, states.shape)
    write(out / "van_der_pol.csv", "t,x,y", t, *(states + noise), digits=4)


def van_der_pol(t: np.ndarray) -> np.ndarray:
    """States [2, N] of x' = y, y' = (1 - x²) y - x at the times t [N] from (2, 0)."""

    def field(_, y):
        return y[1], (1 - y[0] ** 2) * y[1] - y[0]

    return solve_ivp(field, t[[0, -1]], (2.0, 0.0), t_eval=t, rtol=1e-9, atol=1e-9).y


def write(path: Path, header: str, times, *states, digits: int) -> None:
    """Write a table whole, and say where."""
    table = np.column_stack([times, *states])
    form = ["%g"] + [f"%.{digits}f"] * len(states)
    files.write_whole(
        path,
        lambda temporary: np.savetxt(
            temporary, table, fmt=form, delimiter=",", header=header, comments="", encoding="utf-8"
        ),
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
