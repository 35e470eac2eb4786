"""Systems of two states of which one is not measured, with numbers drawn for every seed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from support.driven_systems import along_held, levels

ROWS = 400

HELD = 25
"""Rows for which an input keeps its value."""

Draw = Callable[[np.random.Generator], dict[str, float]]


class System(NamedTuple):
    """What is simulated; the measured state is y, the other one h.

    Attributes:
      name: of the system.
      equations: of y' and h', as SymPy reads them.
      draw: the numbers in them, and y0, h0 and the end of the recording.
      scale: names of numbers that only scale h.
      inputs: names of inputs, each with its least and its largest value.
    """

    name: str
    equations: tuple[str, str]
    draw: Draw
    scale: frozenset[str] = frozenset()
    inputs: tuple[tuple[str, float, float], ...] = ()

    @property
    def law(self) -> str:
        """The same as a law to test."""
        own, other = (text.replace("**", "^") for text in self.equations)
        return f"y' = {own}; h' = {other}"


def _tanks(r: np.random.Generator) -> dict[str, float]:
    a, h0 = r.uniform(0.5, 1.0), r.uniform(4, 6)
    end = 0.85 * 2 * np.sqrt(h0) / a
    return {"a": a, "b": r.uniform(0.3, 0.6), "h0": h0, "y0": r.uniform(0.2, 0.5), "end": end}


def _compartments(r: np.random.Generator) -> dict[str, float]:
    k, p, q = r.uniform(0.2, 0.5), r.uniform(0.5, 1.0), r.uniform(0.2, 0.6)
    return {"k": k, "p": p, "q": q, "h0": 0.0}


SYSTEMS = (
    System(
        "SIR, prevalence alone",
        ("b*h*y - g*y", "-b*h*y"),
        lambda r: {
            "b": r.uniform(1.2, 2.0), "g": r.uniform(0.3, 0.6), "y0": 0.02, "h0": 0.98, "end": 14.0,
        },
    ),
    System("two tanks, lower level", ("a*sqrt(h) - b*sqrt(y)", "-a*sqrt(h)"), _tanks),
    System(
        "two compartments, blood alone",
        ("-k*y - p*y + q*h", "p*y - q*h"),
        lambda r: _compartments(r) | {"y0": 5.0, "end": 12.0},
    ),
    System(
        "FitzHugh–Nagumo, voltage alone",
        ("y - y**3/3 - h + 0.5", "e*(y + a - b*h)"),
        lambda r: {
            "e": r.uniform(0.06, 0.1), "a": r.uniform(0.6, 0.8), "b": r.uniform(0.7, 0.9),
            "y0": -1.0, "h0": 1.0, "end": 100.0,
        },
    ),
    System(
        "Lotka–Volterra, prey alone",
        ("a*y - b*y*h", "d*h*y - c*h"),
        lambda r: {
            "a": r.uniform(0.8, 1.2), "b": r.uniform(0.4, 0.6), "d": r.uniform(0.2, 0.3),
            "c": r.uniform(0.6, 1.0), "y0": 2.0, "h0": 1.0, "end": 20.0,
        },
        frozenset({"b"}),
    ),
    System(
        "house with walls, rooms alone",
        ("a*(h - y) + c*(v - y) + q*w", "b*(y - h) + d*(v - h)"),
        lambda r: {
            "a": r.uniform(0.5, 1.2), "b": r.uniform(0.05, 0.15), "c": r.uniform(0.05, 0.2),
            "d": r.uniform(0.01, 0.03), "q": r.uniform(0.4, 0.8), "y0": 19.0, "h0": 16.0,
            "end": 100.0,
        },
        inputs=(("v", -5.0, 10.0), ("w", 0.0, 5.0)),
    ),
    System(
        "infusion, blood alone",
        ("w - k*y - p*y + q*h", "p*y - q*h"),
        lambda r: _compartments(r) | {"y0": 0.5, "end": 40.0},
        inputs=(("w", 0.0, 2.0),),
    ),
)  # fmt: skip

Y, H, RATE = sympy.symbols("y h rate")


class Record(NamedTuple):
    """What was measured of a system.

    Attributes:
      times: [N].
      state: the measured one, without noise [N].
      inputs: [N, U].
    """

    times: np.ndarray
    state: np.ndarray
    inputs: np.ndarray


def record(system: System, numbers: dict[str, float], draws: np.random.Generator) -> Record:
    """Simulate a system, whose inputs are drawn."""
    names = [Y, H, *(sympy.Symbol(name) for name, *_ in system.inputs)]
    field = sympy.lambdify(names, right_hand_sides(system, numbers), "numpy")
    t = np.linspace(0, numbers["end"], ROWS)
    start = numbers["y0"], numbers["h0"]
    if system.inputs:
        drawn = [levels(draws, ROWS, HELD, low, high) for _, low, high in system.inputs]
        u = np.stack(drawn, 1)
        return Record(t, along_held(lambda x, u: field(*x, *u), t, start, u)[:, 0], u)
    solved = solve_ivp(
        lambda t, x: field(*x), (0, t[-1]), start, t_eval=t, method="LSODA", rtol=1e-9, atol=1e-11
    )
    return Record(t, solved.y[0], np.zeros((ROWS, 0)))


def right_hand_sides(system: System, numbers: dict[str, float]) -> list[sympy.Expr]:
    """Y' and h' with these numbers."""
    return [sympy.sympify(text, locals=numbers | {"y": Y, "h": H}) for text in system.equations]


def second_order(first: sympy.Expr, second: sympy.Expr) -> frozenset[sympy.Expr]:
    """Products of y and y' whose sum is y'': what equations say in whatever coordinate of h.

    y' = f(y, h, u), solved for h, in y'' = f_y y' + f_h h' + f_u u'.
    """
    solutions = sympy.solve(first - RATE, H)
    if len(solutions) != 1:
        return frozenset()
    whole = sympy.diff(first, Y) * RATE + sympy.diff(first, H) * second
    for u in sorted((first.free_symbols | second.free_symbols) - {Y, H}, key=str):
        whole += sympy.diff(first, u) * sympy.Symbol(f"{u}_rate")
    # A root of a square is what it was squared from, of states above 0.
    positive = sympy.symbols("y rate", positive=True)
    whole = whole.subs(H, solutions[0]).subs({Y: positive[0], RATE: positive[1]})
    parts = sympy.expand(sympy.simplify(sympy.expand(whole))).as_coefficients_dict()
    return frozenset(product for product, number in parts.items() if abs(number) > 1e-12)
