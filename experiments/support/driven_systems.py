"""Systems with bent terms of an input or of two states, with numbers drawn for every seed."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from support.simulated import Terms

__all__ = ["BENDS", "SYSTEMS", "Draw", "Field", "System", "along_held", "levels", "without_numbers"]

Field = Callable[[np.ndarray, Any], Sequence[float]]
"""Derivatives [D] from the states [D] and the input."""


class Draw(NamedTuple):
    """What is drawn for one seed.

    Attributes:
      field: the equations with their numbers.
      times: of every recording [N].
      starts: states at the beginning of each recording.
      inputs: of each recording, held until the next sample [N]; zeros where nothing drives it.
    """

    field: Field
    times: np.ndarray
    starts: Sequence[tuple[float, ...]]
    inputs: Sequence[np.ndarray]


class System(NamedTuple):
    """Equations whose numbers are drawn.

    Attributes:
      name: in words.
      states: names.
      driven: the name of the input; empty where there is none.
      terms: of each equation, # for every number with its sign.
      draw: from a generator.
    """

    name: str
    states: tuple[str, ...]
    driven: str
    terms: Terms
    draw: Callable[[np.random.Generator], Draw]


def levels(rng: np.random.Generator, rows: int, each: int, low: float, high: float) -> np.ndarray:
    """An input of another level every so many rows [rows]."""
    return np.repeat(rng.uniform(low, high, -(-rows // each)), each)[:rows]


def _valve(rng: np.random.Generator) -> Draw:
    inflow, k, times = rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.8), np.arange(0, 120, 0.4)
    u = levels(rng, len(times), 25, 0.1, 1.0)
    return Draw(lambda y, u: [inflow - k * u * np.sqrt(max(y[0], 0.0))], times, [(1.5,)], [u])


def _torque(rng: np.random.Generator) -> Draw:
    k, c, times = rng.uniform(1, 3), rng.uniform(0.1, 0.4), np.arange(0, 30, 0.1)
    u = levels(rng, len(times), 12, -2.0, 2.0)

    def field(y, u):
        return [y[1], -k * np.sin(y[0]) - c * y[1] + u * np.cos(y[0])]

    return Draw(field, times, [(1.0, 0.0)], [u])


def _enzyme(rng: np.random.Generator) -> Draw:
    half, v, times = rng.uniform(0.5, 1.2), rng.uniform(0.4, 0.9), np.arange(0, 120, 0.6)
    u = levels(rng, len(times), 25, 0.1, 2.0)
    return Draw(lambda y, u: [0.2 - v * u * y[0] / (half + y[0])], times, [(1.0,)], [u])


def _inhibitor(rng: np.random.Generator) -> Draw:
    half, low, times = rng.uniform(1, 3), rng.uniform(1, 3), np.arange(0, 31, 1.0)
    runs = (10.0, 0.0), (10.0, 2.0), (6.0, 5.0), (10.0, 10.0), (3.0, 0.0), (3.0, 3.0)
    inputs = [np.full(len(times), u) for _, u in runs]

    def field(y, u):
        return [-1.1 * y[0] / (half * (1 + u / low) + y[0])]

    return Draw(field, times, [(begin,) for begin, _ in runs], inputs)


def _drug(rng: np.random.Generator) -> Draw:
    rate, most = rng.uniform(0.2, 0.4), rng.uniform(3, 6)
    slower, times = rate * rng.uniform(0.1, 0.2), np.arange(0, 24, 0.6)
    doses = 0.0, 1.0, 2.0, 4.0

    def field(y, u):
        return [(rate - slower * u) * y[0] * np.log(most / y[0])]

    return Draw(field, times, [(0.05,)] * len(doses), [np.full(len(times), u) for u in doses])


def _heat(rng: np.random.Generator) -> Draw:
    barrier, times = rng.uniform(3500, 5500), np.arange(0, 20, 0.1)
    speed = rng.uniform(0.2, 0.5) * np.exp(barrier / 340)

    def field(y, u):
        rate = speed * np.exp(-barrier / y[1]) * y[0] ** 2
        return [-rate, 40 * rate - 0.05 * (y[1] - 310)]

    starts = (1.0, 330.0), (1.5, 350.0), (0.7, 320.0)
    return Draw(field, times, starts, [np.zeros(len(times))] * 3)


def _thin_air(rng: np.random.Generator) -> Draw:
    drag, height, times = rng.uniform(3e-3, 6e-3), rng.uniform(6e3, 8e3), np.arange(0, 150, 0.5)

    def field(y, u):
        return [-y[1], 9.81 - drag * np.exp(-y[0] / height) * y[1] ** 2]

    return Draw(field, times, [(rng.uniform(3.2e4, 3.8e4), 0.0)], [np.zeros(len(times))])


def _two_tanks(rng: np.random.Generator) -> Draw:
    between, out, times = rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4), np.arange(0, 200, 0.5)
    u = levels(rng, len(times), 40, 0.0, 1.0)

    def field(y, u):
        flow = between * np.sign(y[0] - y[1]) * np.sqrt(abs(y[0] - y[1]))
        return [0.4 * u - flow, flow - out * np.sqrt(max(y[1], 0.0))]

    return Draw(field, times, [(rng.uniform(0.5, 2), rng.uniform(0.5, 2))], [u])


def _wind(rng: np.random.Generator) -> Draw:
    drag, slope, times = rng.uniform(0.05, 0.2), rng.uniform(0.5, 2), np.arange(0, 60, 0.2)
    u = levels(rng, len(times), 30, -8.0, 8.0)
    return Draw(lambda y, u: [slope - drag * abs(y[0] - u) * (y[0] - u)], times, [(0.0,)], [u])


def _boxes(rng: np.random.Generator) -> Draw:
    warm, salt, slow = rng.uniform(2, 4), rng.uniform(0.5, 1.5), rng.uniform(0.2, 0.6)
    mixing, ratio, times = rng.uniform(0.6, 1.5), rng.uniform(0.6, 1.6), np.arange(0, 8, 0.05)

    def field(y, u):
        flow = mixing * abs(y[0] - ratio * y[1])
        return [warm - (1 + flow) * y[0], salt - (slow + flow) * y[1]]

    starts = [(warm / 10, 3.0), (2.5, 0.3), tuple(rng.uniform(0.3, 3.0, 2))]
    return Draw(field, times, starts, [np.zeros(len(times))] * 3)


def _play(rng: np.random.Generator) -> Draw:
    brake, drive, play = rng.uniform(0.5, 3), rng.uniform(5, 20), rng.uniform(0.5, 2.5)
    times = np.arange(0, 30, 0.05)
    u = levels(rng, len(times), 10, -5.0, 5.0)
    return Draw(
        lambda y, u: [drive * np.sign(u) * max(abs(u) - play, 0) - brake * y[0]],
        times, [(0.0,)], [u],
    )  # fmt: skip


def _limit(rng: np.random.Generator) -> Draw:
    brake, drive, most = rng.uniform(0.5, 3), rng.uniform(5, 20), rng.uniform(1.5, 3.5)
    times = np.arange(0, 30, 0.05)
    u = levels(rng, len(times), 10, -5.0, 5.0)
    return Draw(lambda y, u: [drive * np.clip(u, -most, most) - brake * y[0]], times, [(0.0,)], [u])


def _algae(rng: np.random.Generator) -> Draw:
    rate, half, most = rng.uniform(1, 2.5), rng.uniform(60, 300), rng.uniform(2, 4)
    loss, times = rng.uniform(0.1, 0.3), np.arange(0, 14, 1 / 12)
    u = np.maximum(0.0, 900 * np.sin(2 * np.pi * (times - 0.25)))
    return Draw(
        lambda y, u: [rate * y[0] * u / (half + u) * (1 - y[0] / most) - loss * y[0]],
        times, [(0.1,)], [u],
    )  # fmt: skip


def _car(rng: np.random.Generator) -> Draw:
    speed, steep, gap = rng.uniform(10, 20), rng.uniform(0.12, 0.3), rng.uniform(20, 30)
    eager, times = rng.uniform(0.5, 1.5), np.arange(0, 140, 0.2)
    rates, phases = rng.uniform(0.1, 0.7, 3), rng.uniform(0, 6, 3)
    ahead = np.sin(np.outer(times, rates) + phases) @ [0.3, 0.2, 0.1]

    def field(y, u):
        wanted = 2 * speed / (1 + np.exp(-steep * (y[0] - gap)))
        return [u - y[1], eager * (wanted - y[1])]

    return Draw(field, times, [(gap, speed)], [speed * (1 + ahead)])


SYSTEMS = (
    System("outflow through a valve", ("h",), "u", (frozenset({"#", "u sqrt(h)"}),), _valve),
    System(
        "torque at a lever",
        ("a", "w"),
        "u",
        (frozenset({"w"}), frozenset({"w", "sin(a)", "u cos(a)"})),
        _torque,
    ),
    System("enzyme added in steps", ("S",), "u", (frozenset({"#", "u S/(# + S)"}),), _enzyme),
    System("competing inhibitor", ("S",), "u", (frozenset({"S/(# + u/# + S/#)"}),), _inhibitor),
    System("drug on a tumour", ("V",), "u", (frozenset({"V log(V/#)", "u V log(V/#)"}),), _drug),
    System(
        "two molecules and heat",
        ("c", "T"),
        "",
        (frozenset({"c^# exp(#/T)"}), frozenset({"#", "T", "c^# exp(#/T)"})),
        _heat,
    ),
    System(
        "fall through thin air",
        ("h", "v"),
        "",
        (frozenset({"v"}), frozenset({"#", "v^# exp(# h)"})),
        _thin_air,
    ),
    System(
        "two tanks and a pump",
        ("a", "b"),
        "u",
        (
            frozenset({"u", "sign(a - b) abs(a - b)^#"}),
            frozenset({"sign(a - b) abs(a - b)^#", "sqrt(b)"}),
        ),
        _two_tanks,
    ),
    System("body in the wind", ("v",), "u", (frozenset({"#", "sign(u - v) abs(u - v)^#"}),), _wind),
)

BENDS = (
    System(
        "two boxes that mix",
        ("T", "S"),
        "",
        (frozenset({"#", "T", "T abs(T - # S)"}), frozenset({"#", "S", "S abs(T - # S)"})),
        _boxes,
    ),
    System(
        "motor with play",
        ("w",),
        "u",
        (frozenset({"w", "sign(u) max(abs(u) - #, #)"}),),
        _play,
    ),
    System(
        "drive of limited strength",
        ("w",),
        "u",
        (frozenset({"w", "sign(u) min(abs(u), #)"}),),
        _limit,
    ),
    System(
        "algae in the light",
        ("X",),
        "u",
        (frozenset({"X", "X u/(# + u)", "X^# u/(# + u)"}),),
        _algae,
    ),
    System(
        "car behind another",
        ("g", "v"),
        "u",
        (frozenset({"u", "v"}), frozenset({"v", "#/(# + exp(# (g - #)))"})),
        _car,
    ),
)
"""Bends at numbers, which have a table of their own."""


def along_held(
    field: Field, times: np.ndarray, start: tuple[float, ...], u: np.ndarray
) -> np.ndarray:
    """States along an input that keeps its value until the next sample [N, D]."""
    rows = [np.array(start)]
    for begin, end, held in zip(times, times[1:], u, strict=False):
        one = solve_ivp(
            lambda t, y, held=held: field(y, held), (begin, end), rows[-1], rtol=1e-10, atol=1e-11
        )
        rows.append(one.y[:, -1])
    return np.array(rows)


def without_numbers(terms: Terms) -> Terms:
    """The terms of every equation, # for every number with its sign."""
    number = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
    return tuple(frozenset(number.sub("#", name) for name in row) for row in terms)
