"""Systems drawn from a prior over forms: which terms, which numbers, which initial states.

Each equation is a sum of one to three terms with coefficients of random sign and size. Where terms
come from is the class of a system: "plain", products and the unary operations of the library;
"numbers", the same with a nonlinear term that owns a number; "outside", with a term that the
library does not hold. A draw is kept if it can be recorded and answered at all (`answerable`): what
is left to judge is the method, and no constant has to be chosen on a system that it is reported on.
"""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import sympy

from support.rational_systems import Draw, System, field_of

__all__ = ["CLASSES", "drawn_systems"]

CLASSES = ("plain", "numbers", "outside")

STATES = ("x", "y", "z")

COUNTS = (1, 2, 2, 3)
"""States of one system after the other: draws that are kept would mostly be of one."""

SIZES = {1: 0.3, 2: 0.4, 3: 0.3}
"""How many terms an equation has, with probabilities; that of a single state has two at least."""

PLAIN = {
    "1": 1.5, "{a}": 5, "{a}*{b}": 3, "{a}**2": 1.5, "{a}**2*{b}": 0.6, "{a}**3": 0.6,
    "sin({a})": 0.7, "cos({a})": 0.4, "tanh({a})": 0.3, "exp(-{a})": 0.3, "{a}/{b}": 0.2,
}  # fmt: skip
"""Terms of the library, a and b states, with weights: most models are linear and bilinear."""

NUMBERS = {
    "{a}/(K + {a})": 3, "{a}*{b}/(K + {a})": 3, "{a}**2/(K**2 + {a}**2)": 1.5,
    "{b}*{a}**2/(K**2 + {a}**2)": 1, "{a}**4/(K**4 + {a}**4)": 0.7, "1/(1 + {a}/K)": 1,
    "1/(1 + ({a}/K)**2)": 1, "{b}/(1 + {a}/K)": 1, "exp(-{a}/K)": 1, "{b}*exp(-{a}/K)": 1,
    "tanh({a}/K)": 1, "sin(2*{a}/K)": 1, "{a}**K": 1,
}  # fmt: skip
"""Terms that own a number K, which lies within the values of a."""

OUTSIDE = {
    "log(1 + {a}/K)": 1, "sin({a}*{b})": 1, "{a}*{b}/(K + {a} + {b})": 1, "{a}**2/(K + {b})": 1,
    "exp(-(({a} - K)/0.5)**2)": 1, "{a}/(1 + ({a}/K)**3)": 1, "atan(3*({a} - K))": 1,
}  # fmt: skip
"""Terms that no library here holds."""

MOST, LEAST = 30.0, 0.02
"""Of the states: the most of their sizes, and the least where they have to be positive."""

COARSE = 300
"""Steps of the coarse solution; one of twice as many must be the same."""

SHARE = 0.1
"""Of the root mean square of its derivative that each term must contribute at least."""

CONDITION = 20.0
"""Most condition number of the terms of an equation, each of length 1, along the recordings."""


def drawn_systems(seed: int, kind: str) -> Iterator[System]:
    """Systems of a class, without an end; the same for the same seed."""
    drawn = itertools.count()
    for count in itertools.cycle(COUNTS):
        found = (_drawn(seed, kind, count, number) for number in drawn)
        yield next(system for system in found if answerable(system))


def _drawn(seed: int, kind: str, count: int, number: int) -> System:
    rng = np.random.default_rng([seed, CLASSES.index(kind), number])
    states = STATES[:count]
    numbers: dict[str, float] = {}
    # Signs of the states are free where no term needs them positive.
    positive = kind != "plain" or rng.random() < 0.5
    lower = 0.2 if positive else -2.0
    starts = [tuple(rng.uniform(lower, 3.0, count)) for _ in range(rng.integers(1, 4))]
    special = int(rng.integers(count)) if kind != "plain" else -1
    equations = []
    for d in range(count):
        terms: list[str] = []
        if d == special:
            table = NUMBERS if kind == "numbers" else OUTSIDE
            numbers["K"] = float(rng.uniform(0.4, 2.0))
            terms.append(_term(rng, table, states))
        size = max(int(rng.choice(list(SIZES), p=list(SIZES.values()))), 3 - count)
        while len(terms) < size:
            term = _term(rng, PLAIN, states)
            if term not in terms:
                terms.append(term)
        factors = []
        for m, term in enumerate(terms):
            factor = f"c{d}{m}"
            numbers[factor] = float(np.exp(rng.uniform(np.log(0.2), np.log(2.5))))
            # What a term of the own state adds mostly lowers it: else few solutions stay.
            rises = 0.25 if states[d] in term else 0.5
            numbers[factor] *= 1.0 if rng.random() < rises else -1.0
            factors.append(f"{factor}*{term}")
        equations.append(" + ".join(factors))
    end = float(np.exp(rng.uniform(np.log(3.0), np.log(25.0))))
    draw = Draw(numbers, starts, end)
    return System(f"{kind} {number}", states, tuple(equations), lambda _: draw, {}, False)


def _term(rng: np.random.Generator, table: Mapping[str, float], states: tuple[str, ...]) -> str:
    weights = np.array(list(table.values()), float)
    form = str(rng.choice(list(table), p=weights / weights.sum()))
    a, b = (str(rng.choice(states)) for _ in range(2))
    if b == a and len(states) > 1 and "{b}" in form:
        b = next(s for s in states if s != a)
    return form.format(a=a, b=b)


def answerable(system: System) -> bool:
    """Whether a recording without noise shows every term, and each by itself.

    No state leaves its bounds, stands still, turns faster than samples show or is at rest for most
    of the time; every term contributes, and within an equation none is nearly the others.
    """
    draw = system.draw(np.random.default_rng(0))
    positive = not system.name.startswith("plain")
    clean = []
    for start in draw.starts:
        coarse, fine = (_solved(system, draw, start, n, positive) for n in (1, 2))
        if coarse is None or fine is None or np.abs(coarse - fine).max() > 1e-4:
            return False
        clean.append(fine)
    every = np.concatenate(clean)
    spread = every.std(0)
    if (spread < 0.1 * np.abs(every).max(0)).any():
        return False
    for states in clean:
        steps = np.diff(states, axis=0)
        turns = np.mean(steps[1:] * steps[:-1] < 0, axis=0)
        if (turns > 0.05).any() or (np.abs(steps) > 0.5 * spread).any():
            return False
    at_rest = [np.abs(x - x[-1]).max(1) < 0.02 * spread.max() for x in clean]
    if np.mean(np.concatenate(at_rest)) > 0.5:
        return False
    return all(_shown(system, draw, text, every) for text in system.equations)


def _solved(
    system: System, draw: Draw, start: tuple[float, ...], substeps: int, positive: bool
) -> np.ndarray | None:
    """A solution by fixed Runge–Kutta steps [N, D]; None where it leaves its bounds."""
    field = field_of(system, draw.numbers)
    step, x = draw.end / COARSE / substeps, np.array(start)
    path = [x]
    try:
        for _ in range(COARSE * substeps):
            a = np.array(field(0.0, x))
            b = np.array(field(0.0, x + step / 2 * a))
            c = np.array(field(0.0, x + step / 2 * b))
            d = np.array(field(0.0, x + step * c))
            x = x + step / 6 * (a + 2 * b + 2 * c + d)
            if not (np.abs(x) < MOST).all() or (positive and x.min() < LEAST):
                return None
            path.append(x)
    except (ValueError, ArithmeticError, TypeError):
        return None
    return np.array(path[::substeps])


def _shown(system: System, draw: Draw, text: str, states: np.ndarray) -> bool:
    """Whether each term of an equation contributes along states [N, D], none as the others do."""
    names = [sympy.Symbol(name) for name in system.states]
    terms = sympy.Add.make_args(sympy.sympify(text).subs(draw.numbers))
    values = np.empty((len(states), len(terms)))
    with np.errstate(all="ignore"):
        for m, term in enumerate(terms):
            values[:, m] = sympy.lambdify(names, term, "numpy")(*states.T)
    if not np.isfinite(values).all():
        return False
    sizes = np.linalg.norm(values, axis=0)
    whole = np.linalg.norm(values.sum(1))
    if (sizes < SHARE * whole).any() or sizes.min() == 0:
        return False
    return bool(np.linalg.cond(values / sizes) < CONDITION)
