"""Systems that are simulated and recorded with noise, and the terms that are found in them."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from tqdm import tqdm

from nsindy.paper import metrics
from nsindy.result.discovery import Discovery
from support import command_line

NORMAL_90 = 1.6449
"""Half-width of a 90 % interval in standard errors."""

Terms = tuple[frozenset[str], ...]


class System(NamedTuple):
    """Equations, what they are made of, and what is recorded of them.

    Attributes:
      field: time and state [D] to its derivative [D].
      initial: state [D].
      end: of the recording, which begins at 0.
      truth: terms of each equation, as `Discovery.terms` names them.
    """

    field: Callable[[float, np.ndarray], Sequence[float]]
    initial: tuple[float, ...]
    end: float
    truth: Terms


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
"""Four of the textbooks."""


def options(said: str, noise: float, out: str) -> command_line.Parser:
    """Options of a study of simulated recordings."""
    parser = command_line.Parser(
        description=said, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=command_line.positive, default=16, help="draws of the noise")
    share = command_line.number(low=0)
    add("--noise", type=share, default=noise, help="as a share of each state's standard deviation")
    add("--out", default=f"out/{out}", help="folder of summary.json and figure.png")
    return parser


def record(system: System, length: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times [N] and states [N, D], with noise in shares of each state's standard deviation."""
    t = np.linspace(0, system.end, length)
    clean = solve_ivp(
        system.field, (0, system.end), system.initial, t_eval=t, rtol=1e-9, atol=1e-9
    ).y.T
    draws = np.random.default_rng(seed).normal(size=clean.shape)
    return t, clean + noise * clean.std(0) * draws


def terms_of(discovery: Discovery) -> Terms:
    """The terms of every equation."""
    chosen = np.asarray(discovery.coefficients) != 0
    return tuple(frozenset(discovery.terms[m] for m in np.flatnonzero(row)) for row in chosen)


def counted(seeds: int, found: Callable[[int], Terms], truth: Terms, said: str) -> dict[str, Any]:
    """How many seeds give the truth, with its interval, and how many a term that is not in it."""
    pairs = [(found(seed), truth) for seed in tqdm(range(seeds), said, disable=None, leave=False)]
    count = sum(mine == true for mine, true in pairs)
    wrong = sum(any(a - b for a, b in zip(*pair, strict=True)) for pair in pairs)
    print(f"{said:<40} exact {count}/{seeds}, with false terms {wrong}", flush=True)
    return {**metrics.recovery(count, seeds), "false": wrong}
