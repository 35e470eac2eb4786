"""ODEBench: reading it, noise, integration, and the three scores."""

import json
import math
import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sympy

Field = Callable[[Sequence[float]], Sequence[float]]
"""Right-hand side of an autonomous equation: D floats to D floats."""

R2_FOUND = 0.9
"""Variance-weighted R² above which a trajectory counts as reconstructed."""

FUNCTIONS = {
    name: getattr(sympy, name)
    for name in ("sin", "cos", "tan", "cot", "exp", "log", "sqrt", "tanh", "Abs")
}
TOKEN = re.compile(
    r"\s*(x_\d+|\d+\.?\d*(?:[eE][+-]?\d+)?|\*\*|[-+*/()]|" + "|".join(FUNCTIONS) + ")"
)


class Trajectory(NamedTuple):
    """One noise-free solution: times [N] and states [N, D]."""

    times: np.ndarray
    states: np.ndarray


class System(NamedTuple):
    """An entry of ODEBench.

    Attributes:
      number: its `id`.
      title: its description.
      truth: right-hand side of each of the D equations, in `symbols(D)`.
      trajectories: the two solutions, from two initial states.
    """

    number: int
    title: str
    truth: tuple[sympy.Expr, ...]
    trajectories: tuple[Trajectory, ...]


def symbols(count: int) -> tuple[sympy.Symbol, ...]:
    """The names x_0, x_1, ... of D states, as real symbols."""
    return tuple(sympy.Symbol(f"x_{d}", real=True) for d in range(count))


def read(path: str | os.PathLike) -> tuple[System, ...]:
    """Read the systems of a file of ODEBench (d'Ascoli et al., ICLR 2024).

    The file is JSON: a list of systems, each with `id`, `description`, `substituted` (the D
    right-hand sides with their constants, as text) and two `trajectories`, each with `t` [N] and
    `y` [D][N]. Equations are read only if they consist of numbers, states and known functions.

    Raises:
      ValueError: the file cannot be read, or is no such list.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"cannot read {path}: {reason}; --data takes ODEBench's JSON") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}); --data takes ODEBench's JSON") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} is not ODEBench's JSON: it must be a list of systems")
    found = []
    for i, entry in enumerate(entries):
        try:
            found.append(_system(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else f"is not one: {error}"
            message = f"{path} is not ODEBench's JSON: system {i + 1} of the list {reason}"
            raise ValueError(message) from error
    return tuple(found)


def _system(entry: dict[str, Any]) -> System:
    trajectories = []
    for each in entry["trajectories"]:
        times, states = (np.asarray(each[key], np.float64) for key in ("t", "y"))
        if times.ndim != 1 or states.ndim != 2 or states.shape[1] != len(times):
            raise ValueError(f"t {times.shape} and y {states.shape} must be [N] and [D][N]")
        if not (np.isfinite(times).all() and np.isfinite(states).all()):
            raise ValueError("t and y must be finite")
        trajectories.append(Trajectory(times, states.T))
    dimension = len(entry["substituted"])
    if len(trajectories) != 2 or {each.states.shape[1] for each in trajectories} != {dimension}:
        raise ValueError(f"it must have two trajectories of {dimension} states")
    truth = tuple(parse(text, symbols(dimension)) for text in entry["substituted"])
    title = str(entry["description"])
    return System(int(entry["id"]), title, truth, tuple(trajectories))


def parse(text: str, states: Sequence[sympy.Symbol]) -> sympy.Expr:
    """A right-hand side from its text; SymPy evaluates it only where every token is known.

    Raises:
      ValueError: something else than numbers, the states, + - * / ** ( ) and known functions.
    """
    names = {symbol.name: symbol for symbol in states}
    position = 0
    while position < len(text.rstrip()):
        token = TOKEN.match(text, position)
        if token is None or (token[1].startswith("x_") and token[1] not in names):
            raise ValueError(f"cannot read {text[position : position + 20]!r} in {text!r}")
        position = token.end()
    try:
        return sympy.sympify(text, locals=names | FUNCTIONS)
    except (sympy.SympifyError, TypeError, SyntaxError) as error:
        raise ValueError(f"cannot read {text!r}") from error


def noisy(system: System, which: int, sigma: float, seed: int) -> np.ndarray:
    """The states of a trajectory with multiplicative noise, x (1 + σ ξ) with ξ normal, [N, D].

    Every (system, trajectory, σ, seed) has its own draw.
    """
    states = system.trajectories[which].states
    rng = np.random.default_rng((system.number, which, round(sigma * 1e9), seed))
    return states * (1.0 + sigma * rng.standard_normal(states.shape))


def term_set(expression: sympy.Expr, states: Sequence[sympy.Symbol]) -> frozenset[sympy.Expr]:
    """The terms of an expression after expansion, without their numeric coefficients.

    Products, powers and logarithms of products are multiplied out; 1 stands for a constant.

    Args:
      expression: in any symbols that bear the names of the states.
      states: D symbols.

    Raises:
      ValueError: a symbol is no state.
    """
    expression = _in_states(expression, states)
    # 2.0 x and x**2.0 are 2 x and x**2, and a zero that is written as a float vanishes.
    whole = {
        each: sympy.Integer(int(each))
        for each in expression.atoms(sympy.Float)
        if float(each).is_integer()
    }
    expanded = sympy.expand(expression.xreplace(whole))
    expanded = sympy.expand(sympy.expand_log(expanded, force=True))
    found = set()
    for term in sympy.Add.make_args(expanded):
        coefficient, rest = term.as_independent(*states, as_Add=False)
        if coefficient != 0:
            found.add(rest)
    return frozenset(found)


def _in_states(expression: sympy.Expr, states: Sequence[sympy.Symbol]) -> sympy.Expr:
    """The expression in the states, whatever the assumptions of its symbols."""
    names = {str(symbol): symbol for symbol in states}
    unknown = sorted({str(each) for each in expression.free_symbols} - set(names))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} in {expression} is no state")
    found: Any = expression.xreplace({each: names[str(each)] for each in expression.free_symbols})
    return found


def structure(
    expressions: Sequence[sympy.Expr], truth: Sequence[sympy.Expr], states: Sequence[sympy.Symbol]
) -> bool:
    """True where every equation has exactly the terms of the truth, whatever their coefficients.

    Args:
      expressions: D discovered right-hand sides, in symbols that bear the names of the states.
      truth: D true ones.
      states: the D symbols.
    """
    pairs = zip(expressions, truth, strict=True)
    return all(term_set(found, states) == term_set(true, states) for found, true in pairs)


def expressible(truth: Sequence[sympy.Expr], states: Sequence[sympy.Symbol]) -> str:
    """Whether the true right-hand sides are sums of terms that a library of terms can hold.

    Returns:
      "library" for monomials up to degree 3, sin and cos of a state, their products with a state,
      and a constant; "operations" where also exp, log, tanh, reciprocal, absolute value and
      1 / (1 + x) of a state, and products of up to three states or operations are needed; "" else.
    """
    everything = [term for each in truth for term in term_set(each, states)]
    if all(_plain(term, states) for term in everything):
        return "library"
    return "operations" if all(_factors(term, states) <= 3 for term in everything) else ""


def _plain(term: sympy.Expr, states: Sequence[sympy.Symbol]) -> bool:
    rest, waves = [], 0
    for factor in sympy.Mul.make_args(term):
        if isinstance(factor, sympy.sin | sympy.cos) and factor.args[0] in states:
            waves += 1
        else:
            rest.append(factor)
    product = sympy.Mul(*rest)
    if waves > 1 or not product.is_polynomial(*states):
        return False
    return sympy.Poly(product, *states).total_degree() <= (1 if waves else 3)


def _factors(term: sympy.Expr, states: Sequence[sympy.Symbol]) -> float:
    """How many states and operations of a state multiply to the term; infinite where others do."""
    operations = (sympy.sin, sympy.cos, sympy.log, sympy.tanh, sympy.Abs)
    count = 0.0
    for factor in sympy.Mul.make_args(term):
        base, power = factor.as_base_exp()
        if factor == 1:
            continue
        if isinstance(factor, sympy.exp):
            # exp(-x) is the reciprocal of exp(x).
            count += 1 if factor.args[0] in states or -factor.args[0] in states else math.inf
        elif power.is_Integer and (
            base in states
            or (isinstance(base, operations) and base.args[0] in states and power > 0)
        ):
            count += int(power) if power > 0 else (1 if power == -1 else math.inf)
        elif power == -1 and base - 1 in states:
            count += 1
        else:
            return math.inf
    return count


class _Stop(Exception):
    """The right-hand side has been evaluated too often."""


def integrate(
    field: Field,
    initial: np.ndarray,
    times: np.ndarray,
    *,
    bound: float,
    evaluations: int = 50_000,
    tolerance: float = 1e-8,
) -> np.ndarray | None:
    """Integrate a right-hand side with LSODA, or give up where it diverges.

    The guard is a count of evaluations and not a clock, so a result does not depend on the machine.

    Args:
      field: D floats to D floats; an arithmetic error in it ends the integration.
      initial: [D], the state at the first time.
      times: [N].
      bound: largest |state| allowed.
      evaluations: largest number of evaluations of the field.
      tolerance: relative, of a step; the absolute one is 1e-4 of it times the bound.

    Returns:
      States [N, D]; None where it left the bound, stopped, or took too many evaluations.
    """
    from scipy.integrate import solve_ivp

    left = evaluations

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Stop
        return field(y.tolist())

    def inside(t: float, y: np.ndarray) -> float:
        return bound - float(np.max(np.abs(y)))

    inside.terminal = True  # type: ignore[attr-defined]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            span = (float(times[0]), float(times[-1]))
            solution = solve_ivp(
                right,
                span,
                initial,
                method="LSODA",
                t_eval=times,
                events=inside,
                rtol=tolerance,
                atol=1e-4 * tolerance * bound,
            )
        except (_Stop, ArithmeticError, ValueError, TypeError):
            # TypeError: a negative number to a broken power is complex.
            return None
    states = solution.y.T
    done = solution.status == 0 and states.shape == (len(times), len(initial))
    return states if done and np.isfinite(states).all() else None


def compiled(expressions: Sequence[sympy.Expr], states: Sequence[sympy.Symbol]) -> Field:
    """Right-hand sides as one function of D floats, in double precision."""
    own = [_in_states(each, states) for each in expressions]
    function = sympy.lambdify([list(states)], own, modules="math", cse=True)
    return lambda y: [float(value) for value in function(y)]


def r_squared(clean: np.ndarray, found: np.ndarray | None) -> float:
    """Variance-weighted R² over the states, 1 - Σ (y - ŷ)² / Σ (y - ȳ)²; -inf for no trajectory."""
    if found is None:
        return -math.inf
    error = float(np.sum((clean - found) ** 2))
    total = float(np.sum((clean - clean.mean(axis=0)) ** 2))
    if total == 0.0:
        return 1.0 if error == 0.0 else -math.inf
    return 1.0 - error / total


def scores(expressions: Sequence[sympy.Expr], system: System, which: int) -> dict[str, Any]:
    """The three scores of the equations that were found on one trajectory of a system.

    Returns:
      `r2_reconstruction`, `r2_generalization` (from the other initial state), and
      `reconstruction`, `generalization`, `structure` as true or false.
    """
    states = symbols(len(system.truth))
    field = compiled(expressions, states)
    values = []
    for index in (which, 1 - which):
        clean = system.trajectories[index]
        # Outside of a hundred times the data no R² above 0.9 is left to lose.
        bound = 100.0 * max(float(np.max(np.abs(clean.states))), 1e-9)
        found = integrate(field, clean.states[0], clean.times, bound=bound)
        values.append(r_squared(clean.states, found))
    return {
        "r2_reconstruction": values[0],
        "r2_generalization": values[1],
        "reconstruction": values[0] > R2_FOUND,
        "generalization": values[1] > R2_FOUND,
        "structure": structure(expressions, system.truth, states),
    }
