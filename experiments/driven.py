"""Inputs and two states in bent terms: how often valves, enzymes, drugs and heat are found.

Numbers, inputs and noise are drawn for every seed. An answer is right if every equation holds the
true terms and no other, whatever their numbers.
"""

import argparse
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from support import command_line, experiment, written

import nsindy
from nsindy.paper import metrics
from nsindy.result.discovery import Discovery
from nsindy.runtime import files

Field = Callable[[np.ndarray, float], Sequence[float]]
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
      terms: of each equation, # for every number.
      draw: from a generator.
    """

    name: str
    states: tuple[str, ...]
    driven: str
    terms: tuple[set[str], ...]
    draw: Callable[[np.random.Generator], Draw]


def _levels(rng: np.random.Generator, rows: int, each: int, low: float, high: float) -> np.ndarray:
    return np.repeat(rng.uniform(low, high, -(-rows // each)), each)[:rows]


def _valve(rng: np.random.Generator) -> Draw:
    inflow, k, times = rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.8), np.arange(0, 120, 0.4)
    u = _levels(rng, len(times), 25, 0.1, 1.0)
    return Draw(lambda y, u: [inflow - k * u * np.sqrt(max(y[0], 0.0))], times, [(1.5,)], [u])


def _torque(rng: np.random.Generator) -> Draw:
    k, c, times = rng.uniform(1, 3), rng.uniform(0.1, 0.4), np.arange(0, 30, 0.1)
    u = _levels(rng, len(times), 12, -2.0, 2.0)

    def field(y, u):
        return [y[1], -k * np.sin(y[0]) - c * y[1] + u * np.cos(y[0])]

    return Draw(field, times, [(1.0, 0.0)], [u])


def _enzyme(rng: np.random.Generator) -> Draw:
    half, v, times = rng.uniform(0.5, 1.2), rng.uniform(0.4, 0.9), np.arange(0, 120, 0.6)
    u = _levels(rng, len(times), 25, 0.1, 2.0)
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


SYSTEMS = (
    System("outflow through a valve", ("h",), "u", ({"#", "u sqrt(h)"},), _valve),
    System("torque at a lever", ("a", "w"), "u", ({"w"}, {"w", "sin(a)", "u cos(a)"}), _torque),
    System("enzyme added in steps", ("S",), "u", ({"#", "u S/(# + S)"},), _enzyme),
    System("competing inhibitor", ("S",), "u", ({"S/(# + u/# + S/#)"},), _inhibitor),
    System("drug on a tumour", ("V",), "u", ({"V log(V/#)", "u V log(V/#)"},), _drug),
    System(
        "two molecules and heat",
        ("c", "T"),
        "",
        ({"c^# exp(-#/T)"}, {"#", "T", "c^# exp(-#/T)"}),
        _heat,
    ),
    System("fall through thin air", ("h", "v"), "", ({"v"}, {"#", "v^# exp(-# h)"}), _thin_air),
)


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=command_line.positive, default=8, help="draws of numbers and noise")
    share = command_line.number(low=0)
    shares = "standard deviations of the noise, as shares of each state's"
    add("--noise", type=share, nargs="+", default=[0.005, 0.02], help=shares)
    add("--out", default="out/driven", help="folder of summary.json and figure.png")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every noise, each line printed as it comes."""
    out = files.check_folder(options.out)
    experiment.start()
    rows: list[dict[str, Any]] = []
    for number, system in enumerate(SYSTEMS):
        for noise in options.noise:
            found = [answer(system, noise, [number, seed]) for seed in range(options.seeds)]
            outcomes = [each["outcome"] for each in found]
            rows.append(
                {
                    "system": system.name,
                    "noise": noise,
                    **metrics.recovery(outcomes.count("right"), len(found)),
                    "said": outcomes.count("said"),
                    "wrong": outcomes.count("wrong"),
                    "seconds": float(np.median([each["seconds"] for each in found])),
                    "answers": [each["said"] for each in found],
                }
            )
            row = rows[-1]
            print(
                f"{system.name:<26}{noise:6.1%} right {row['recovery_count']}, said so "
                f"{row['said']}, wrong {row['wrong']} of {row['seeds']}; {row['seconds']:.0f} s",
                flush=True,
            )
    written.write_rows(
        out,
        rows,
        labels=[f"{row['system']}, noise {row['noise']:.1%}" for row in rows],
        title="Inputs and two states in bent terms",
        what={"what": "exact terms (%, 95 % interval)"},
    )


def answer(system: System, noise: float, seed: list[int]) -> dict[str, Any]:
    """What is found: "right", "said" where it is called an approximation, or "wrong"."""
    rng = np.random.default_rng(seed)
    draw = system.draw(rng)
    clean = [
        recorded(draw.field, draw.times, start, u)
        for start, u in zip(draw.starts, draw.inputs, strict=True)
    ]
    size = noise * np.concatenate(clean).std(0)
    states = [x + size * rng.standard_normal(x.shape) for x in clean]
    began = time.process_time()
    found = nsindy.discover(
        [draw.times] * len(states),
        states,
        inputs=list(draw.inputs) if system.driven else None,
        states=system.states,
        input_names=[system.driven] if system.driven else None,
    )
    seconds = time.process_time() - began
    right = tuple(map(frozenset, skeletons(found))) == tuple(map(frozenset, system.terms))
    outcome = "right" if right else "wrong" if found.verdict == "equation" else "said"
    return {"outcome": outcome, "seconds": seconds, "said": str(found)}


def recorded(
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


def skeletons(found: Discovery) -> list[set[str]]:
    """The terms of each equation, # for every number."""
    used = np.asarray(found.coefficients) != 0
    names = [re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", name) for name in found.terms]
    return [{names[m] for m in np.flatnonzero(row)} for row in used]


if __name__ == "__main__":
    main()
