"""Operations that own a number, x / (K + x) or y / (K x + y): one row of `NUMBERED` each."""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nsindy.terms.operations import (
    ANYWHERE,
    FURTHER,
    PRODUCT,
    Primitive,
    Times,
    array_module,
)
from nsindy.terms.term import Term

__all__ = [
    "NUMBERED",
    "WAVE",
    "Inner",
    "Numbered",
    "WithNumber",
    "get_numbered",
    "inner_numbers",
    "inner_of",
    "of_each",
    "unbound",
    "with_number",
]

WAVE = "wave"
"""The kind of sin(w x) and cos(w x)."""


@dataclasses.dataclass(frozen=True)
class Numbered:
    """One operation f(x, p) of a variable and a number p; f(x, y, p) of two, f(x, p, q) with two.

    Attributes:
      name: the word that terms are stored with, `michaelis` in `michaelis[0.5]`.
      symbol: what its number is called, K.
      function: f(x, p) on JAX arrays of one shape.
      numpy: the same on NumPy arrays.
      sympy: the same as a function of the module sympy, x and p.
      written: bases and their powers, whose product is the term, from the texts of x and p.
      ranges: (low, high) that p is looked for in; None for what the values of x say.
      nats: discovery's price.
      variables: how many there are before p.
      below: what stands below the line, of the same arguments, on NumPy arrays: where it is not
        positive there is no term; None where the values of f say so.
      second: what a second number q is called, n; empty for none.
      signed: True where p may be 0 or change its sign in a fit.
      text: as it was written, uptake = x / (K + x); empty for a function.
    """

    name: str
    symbol: str
    function: Callable[..., Any]
    _: dataclasses.KW_ONLY
    numpy: Callable[..., Any] = dataclasses.field(compare=False)
    sympy: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    written: Callable[..., Mapping[str, int]] = dataclasses.field(compare=False)
    ranges: tuple[float, float] | None = None
    nats: float = FURTHER
    variables: int = 1
    below: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    second: str = ""
    signed: bool = False
    text: str = ""


@dataclasses.dataclass(frozen=True)
class WithNumber:
    """x ↦ f(x, p), (x, y) ↦ f(x, y, p) or x ↦ f(x, p, q), for given numbers."""

    operation: Numbered
    number: float
    second: float | None = None

    @property
    def numbers(self) -> tuple[float, ...]:
        """P, and q where there is one."""
        return (self.number,) if self.second is None else (self.number, self.second)

    def __call__(self, *x: Any) -> Any:
        """F(x, p)."""
        exact = array_module(x[0]) is np
        return (self.operation.numpy if exact else self.operation.function)(*x, *self.numbers)

    def sympy(self, module: Any, *x: Any) -> Any:
        """The same in SymPy, of the variables and then the numbers as they are to be written."""
        if self.operation.sympy is None:
            return module.Function(self.operation.name)(*x)
        return self.operation.sympy(module, *x)


def with_number(operation: Numbered, number: float, second: float | None = None) -> Primitive:
    """The operation x ↦ f(x, p), whose name is that of f and every digit of p, and of q.

    Example:
      >>> made = with_number(NUMBERED["michaelis"], 0.5)
      >>> made.name, made.numpy(1.5)
      ('michaelis[0.5]', 0.75)
      >>> with_number(NUMBERED["hill_power"], 0.5, 2.5).name
      'hill_power[0.5;2.5]'
    """
    function = WithNumber(operation, float(number), None if second is None else float(second))
    # A comma would end an argument of a term.
    digits = ";".join(map(repr, function.numbers))
    return Primitive(
        f"{operation.name}[{digits}]", operation.variables, function, ANYWHERE, 1.0,
        nats=operation.nats, usable=ANYWHERE, numpy=function,
    )  # fmt: skip


@functools.cache
def unbound(operation: Numbered) -> Primitive:
    """The operation of its variables and its numbers, for programs in which those vary."""
    return Primitive(
        operation.name, operation.variables + 1 + bool(operation.second), operation.function,
        ANYWHERE, 1.0, nats=FURTHER, usable=ANYWHERE, numpy=operation.numpy,
    )  # fmt: skip


def get_numbered(name: str, own: Mapping[str, Numbered] = MappingProxyType({})) -> Primitive:
    """The operation of a name such as `michaelis[0.5]`.

    Args:
      name: the name.
      own: operations of one's own, by their names.

    Raises:
      ValueError: it is no such name, or the number is not finite.
    """
    head, bracket, tail = name.partition("[")
    row = own.get(head) or NUMBERED.get(head)
    if bracket and row and tail.endswith("]"):
        with contextlib.suppress(ValueError):
            numbers = list(map(float, tail[:-1].split(";")))
            if len(numbers) == 1 + bool(row.second) and all(map(math.isfinite, numbers)):
                return with_number(row, *numbers)
    raise ValueError(f"unknown operation {name!r}")


def _row(
    name: str,
    symbol: str,
    function: Callable[..., Any],
    written: Callable[..., Mapping[str, int]],
    *,
    more: float = 0.0,
    below: Callable[..., Any] | None = None,
    second: str = "",
) -> Numbered:
    """A row whose function is made of signs alone, which are the same everywhere.

    Args:
      name: of the operation.
      symbol: of its number.
      function: of the variables and the number.
      written: bases and their powers.
      more: nats beyond those of an operation of one variable; a row of two variables has some.
      below: what stands below the line.
      second: symbol of a second number.
    """
    return Numbered(
        name, symbol, function, numpy=function, sympy=lambda _, *x: function(*x),
        written=written, nats=FURTHER + more, variables=1 + (below is not None), below=below,
        second=second,
    )  # fmt: skip


LEAST_RATIO = 1e-9
"""x / K below which its power is that of this: of what noise takes below 0 there is none."""


def _power_of_ratio(x: Any, p: Any, q: Any) -> Any:
    return array_module(x).maximum(x / p, LEAST_RATIO) ** q


def _hill(x: Any, p: Any, q: Any) -> Any:
    power = _power_of_ratio(x, p, q)
    return power / (1 + power)


def _repression(x: Any, p: Any, q: Any) -> Any:
    return 1 / (1 + _power_of_ratio(x, p, q))


LEAST_DIFFERENCE = 1e-4
"""|x - y| as a share of |x| + |y| below which |x - y|^p is a line, so that it has a slope."""


def _power(x: Any, p: Any) -> Any:
    module = array_module(x)
    # Noise may take what is empty below 0, where there is nothing.
    return module.power(module.maximum(x, 1e-30), p)


def _power_of_difference(x: Any, y: Any, p: Any) -> Any:
    module = array_module(x)
    # Two tanks may be empty, both.
    least = module.maximum(LEAST_DIFFERENCE * (abs(x) + abs(y)), 1e-30)
    return (x - y) * module.maximum(abs(x - y), least) ** (p - 1)


def _exponent(p: str) -> str:
    """A power as it is written, 0.5 for 0.5000."""
    return p.rstrip("0").rstrip(".") if "." in p and "e" not in p else p


def _difference_to(difference: str, p: str) -> dict[str, int]:
    """|x - y|^p with the sign of x - y; (x - y)^3 where that is the same."""
    if p in ("3", "5"):
        return {f"({difference})": int(p)}
    return {f"sign({difference})": 1, f"abs({difference})^{p}": 1}


def _whole_hill(n: int) -> tuple[Numbered, Numbered]:
    """Both Hill functions of a whole power."""
    return (
        _row(
            f"hill{n}", "K", lambda x, p: x**n / (p**n + x**n),
            lambda x, p: {x: n, f"({p}^{n} + {x}^{n})": -1},
        ),
        _row(
            f"repression{n}", "K", lambda x, p: p**n / (p**n + x**n),
            lambda x, p: {f"(1 + ({x}/{p})^{n})": -1},
        ),
    )  # fmt: skip


def _log_of_ratio(x: Any, p: Any) -> Any:
    module = array_module(x)
    return module.log(module.maximum(x / p, LEAST_RATIO))


def _sigmoid(x: Any, p: Any, q: Any) -> Any:
    # As a tanh, whose derivative is finite wherever exp is not.
    return (1 + array_module(x).tanh(q * (x - p) / 2)) / 2


def _inverse_sigmoid(x: Any, p: Any, q: Any) -> Any:
    return _sigmoid(x, p, -q)


def _beyond(sp: Any, x: Any, p: Any) -> Any:
    return sp.Max(x - p, 0) - sp.Max(-x - p, 0)


def _less(x: str, p: str) -> str:
    return f"({x} + {p[1:]})" if p.startswith("-") else f"({x} - {p})"


def _counted(*bases: str) -> dict[str, int]:
    """Bases of a product and how often each stands in it."""
    return {base: bases.count(base) for base in bases}


NUMBERED: dict[str, Numbered] = {
    row.name: row
    for row in (
        _row(
            "michaelis", "K", lambda x, p: x / (p + x), lambda x, p: {x: 1, f"({p} + {x})": -1}
        ),
        _row("inhibition", "K", lambda x, p: p / (p + x), lambda x, p: {f"(1 + {x}/{p})": -1}),
        *(row for n in (2, 3, 4) for row in _whole_hill(n)),
        Numbered(
            "exponential", "k", lambda x, p: jnp.exp(p * x), numpy=lambda x, p: np.exp(p * x),
            sympy=lambda sp, x, p: sp.exp(p * x), written=lambda x, p: {f"exp({p} {x})": 1},
        ),
        Numbered(
            "diode", "k", lambda x, p: jnp.expm1(p * x), numpy=lambda x, p: np.expm1(p * x),
            sympy=lambda sp, x, p: sp.exp(p * x) - 1,
            written=lambda x, p: {f"(exp({p} {x}) - 1)": 1}, nats=FURTHER + 1.0,
        ),
        Numbered(
            "arrhenius", "E", lambda x, p: jnp.exp(-p / x), numpy=lambda x, p: np.exp(-p / x),
            sympy=lambda sp, x, p: sp.exp(-p / x),
            written=lambda x, p: {f"exp({f'-{p}'.removeprefix('--')}/{x})": 1},
        ),
        Numbered(
            "steep_tanh", "k", lambda x, p: jnp.tanh(p * x), numpy=lambda x, p: np.tanh(p * x),
            sympy=lambda sp, x, p: sp.tanh(p * x), written=lambda x, p: {f"tanh({p} {x})": 1},
        ),
        Numbered(
            "power", "p", _power, numpy=_power, sympy=lambda _, x, p: x**p,
            written=lambda x, p: {f"{x}^{_exponent(p)}": 1},
        ),
        # Growth that slows with the logarithm of what has grown (Gompertz).
        Numbered(
            "logarithm", "K", _log_of_ratio, numpy=_log_of_ratio,
            sympy=lambda sp, x, p: sp.log(x / p), written=lambda x, p: {f"log({x}/{p})": 1},
        ),
        Numbered(
            "hill_power", "K", _hill,
            numpy=_hill,
            sympy=lambda _, x, p, q: x**q / (p**q + x**q),
            written=lambda x, p, q: {f"{x}^{q}": 1, f"({p}^{q} + {x}^{q})": -1}, second="n",
        ),
        Numbered(
            "repression_power", "K", _repression,
            numpy=_repression,
            sympy=lambda _, x, p, q: p**q / (p**q + x**q),
            written=lambda x, p, q: {f"(1 + ({x}/{p})^{q})": -1}, second="n",
        ),
        # What runs over beyond a threshold.
        Numbered(
            "hinge", "c", lambda x, p: jnp.maximum(x - p, 0.0),
            numpy=lambda x, p: np.maximum(x - p, 0.0), sympy=lambda sp, x, p: sp.Max(x - p, 0),
            written=lambda x, p: {f"max({_less(x, p)[1:-1]}, 0)": 1},
        ),
        # What a motor, a valve or a gear with play passes on, and what a drive of limited strength
        # does: both together are x.
        Numbered(
            "dead_zone", "c", lambda x, p: x - jnp.clip(x, -p, p),
            numpy=lambda x, p: x - np.clip(x, -p, p), sympy=_beyond,
            written=lambda x, p: {f"sign({x})": 1, f"max(abs({x}) - {p}, 0)": 1},
        ),
        Numbered(
            "limited", "c", lambda x, p: jnp.clip(x, -p, p), numpy=lambda x, p: np.clip(x, -p, p),
            sympy=lambda sp, x, p: x - _beyond(sp, x, p),
            written=lambda x, p: {f"sign({x})": 1, f"min(abs({x}), {p})": 1},
        ),
        # A step at a threshold c, the steeper the larger k is.
        Numbered(
            "sigmoid", "c", _sigmoid, numpy=_sigmoid,
            sympy=lambda sp, x, p, q: 1 / (1 + sp.exp(-q * (x - p))),
            written=lambda x, p, q: {f"(1 + exp(-{q} {_less(x, p)}))": -1},
            second="k", signed=True,
        ),
        Numbered(
            "inverse_sigmoid", "c", _inverse_sigmoid, numpy=_inverse_sigmoid,
            sympy=lambda sp, x, p, q: 1 / (1 + sp.exp(q * (x - p))),
            written=lambda x, p, q: {f"(1 + exp({q} {_less(x, p)}))": -1},
            second="k", signed=True,
        ),
        # Too much of x slows its own uptake (Haldane, Andrews).
        _row(
            "haldane", "K", lambda x, p, q: x / (p + x + x**2 / q),
            lambda x, p, q: {x: 1, f"({p} + {x} + {x}^2/{q})": -1}, second="L",
        ),
        # Predators in each other's way (Beddington, DeAngelis), and what competes for an enzyme.
        _row(
            "beddington", "K", lambda x, y, p, q: x * y / (1 + x / p + y / q),
            lambda x, y, p, q: _counted(x, y) | {f"(1 + {x}/{p} + {y}/{q})": -1},
            more=PRODUCT, below=lambda x, y, p, q: 1 + x / p + y / q, second="L",
        ),
        _row(
            "competition", "K", lambda x, y, p, q: 1 / (1 + x / p + y / q),
            lambda x, y, p, q: {f"(1 + {x}/{p} + {y}/{q})": -1},
            more=PRODUCT, below=lambda x, y, p, q: 1 + x / p + y / q, second="L",
        ),
        # What depends on the ratio of two states: predators that share their prey, mixing.
        _row(
            "ratio_share", "K", lambda x, y, p: y / (p * x + y),
            lambda x, y, p: {y: 1, f"({p} {x} + {y})": -1},
            more=PRODUCT, below=lambda x, y, p: p * x + y,
        ),
        _row(
            "joint_saturation", "K", lambda x, y, p: x * y / (p + x * y),
            lambda x, y, p: _counted(x, y) | {f"({p} + {x} {y})": -1},
            more=PRODUCT, below=lambda x, y, p: p + x * y,
        ),
        _row(
            "joint_inhibition", "K", lambda x, y, p: p / (p + x * y),
            lambda x, y, p: {f"(1 + {x} {y}/{p})": -1},
            more=PRODUCT, below=lambda x, y, p: p + x * y,
        ),
        _row(
            "radial_inhibition", "K", lambda x, y, p: p**2 / (p**2 + x**2 + y**2),
            lambda x, y, p: {f"(1 + ({x}^2 + {y}^2)/{p}^2)": -1},
            more=2 * PRODUCT, below=lambda x, y, p: p**2 + x**2 + y**2,
        ),
        _row(
            "radial_power", "p", lambda x, y, p: (x**2 + y**2) ** p,
            lambda x, y, p: {f"({x}^2 + {y}^2)^{_exponent(p)}": 1},
            more=2 * PRODUCT, below=lambda x, y, p: x**2 + y**2,
        ),
        # The flow between two tanks, and the drag of a body in the wind.
        Numbered(
            "difference_power", "p", _power_of_difference, numpy=_power_of_difference,
            sympy=lambda sp, x, y, p: sp.sign(x - y) * sp.Abs(x - y) ** p,
            written=lambda x, y, p: _difference_to(f"{x} - {y}", _exponent(p)),
            nats=FURTHER + PRODUCT, variables=2,
        ),
        # Mixing by a flow of either direction, as between warm and salt water (Stommel).
        Numbered(
            "size_of_difference", "k", lambda x, y, p: abs(x - p * y),
            numpy=lambda x, y, p: abs(x - p * y), sympy=lambda sp, x, y, p: sp.Abs(x - p * y),
            written=lambda x, y, p: {f"abs({_less(x, f'{p} {y}')[1:-1]})": 1},
            nats=FURTHER + PRODUCT, variables=2,
        ),
        # The heat that a surface radiates, and what it takes up from others.
        Numbered(
            "difference_of_powers", "p", lambda x, y, p: _power(x, p) - _power(y, p),
            numpy=lambda x, y, p: _power(x, p) - _power(y, p),
            sympy=lambda _, x, y, p: x**p - y**p,
            written=lambda x, y, p: {f"({x}^{_exponent(p)} - {y}^{_exponent(p)})": 1},
            nats=FURTHER + PRODUCT, variables=2,
        ),
    )
}  # fmt: skip
"""Every operation with a number of its own, by name. sin(w x) and cos(w x) are written with
`operations.times`."""


class Inner(NamedTuple):
    """A number inside terms of one variable, or of two.

    Attributes:
      kind: `WAVE`, or the name of an operation or of a kind of them.
      place: the variable, of two the second: a variable has one number at most.
      number: p, in one over the unit of the variable, or what the operation says.
      symbol: what it is called.
      before: the first of two variables; None for one.
      second: q of an operation with two numbers; None for one.
      second_symbol: what it is called.
    """

    kind: str
    place: int
    number: float
    symbol: str = "w"
    before: int | None = None
    second: float | None = None
    second_symbol: str = ""

    @property
    def numbers(self) -> tuple[float, ...]:
        """P, and q where there is one."""
        return (self.number,) if self.second is None else (self.number, self.second)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What they are called."""
        return (self.symbol,) if self.second is None else (self.symbol, self.second_symbol)

    def with_numbers(self, numbers: Sequence[float]) -> "Inner":
        """The same with other numbers."""
        return self._replace(number=numbers[0], second=numbers[1] if len(numbers) > 1 else None)

    @property
    def places(self) -> tuple[int, ...]:
        """The variables, in the order of the arguments."""
        return (self.place,) if self.before is None else (self.before, self.place)


def of_each(inner: Sequence[Inner], values: np.ndarray) -> list[np.ndarray]:
    """What is known of all numbers one after the other [P], for each of those that hold them."""
    ends = np.cumsum([len(each.numbers) for each in inner], dtype=int)
    return np.split(values, ends[:-1]) if len(inner) else []


def inner_of(term: Term) -> Inner | None:
    """The number that was fitted inside a term, alone or times a state; None for none."""
    own = term.primitive.function
    if isinstance(own, WithNumber):
        places = [each for each in term.arguments if isinstance(each, int)]
        if len(places) == len(term.arguments):
            *before, place = places
            named = Inner(own.operation.name, place, own.number, own.operation.symbol)
            first, name = before[0] if before else None, own.operation.second
            return named._replace(before=first, second=own.second, second_symbol=name)
    for argument in term.arguments:
        if not isinstance(argument, Term):
            continue
        times, inside = argument.primitive.function, argument.arguments
        # A number that was given is multiplied with the term x, not with the variable.
        if isinstance(times, Times) and isinstance(inside[0], int):
            return Inner(WAVE, inside[0], times.number)
        found = inner_of(argument)
        if found is not None:
            return found
    return None


def inner_numbers(library: Sequence[Term], used: np.ndarray) -> list[Inner]:
    """The numbers inside the terms that are used [M], each once, in the order of the terms.

    Operations of one kind, as x/(K + x) and 1/(1 + x/K), share their number.
    """
    every = [inner_of(term) for term, here in zip(library, used, strict=True) if here]
    return list({(i.place, i.numbers): i for i in every if i is not None}.values())
