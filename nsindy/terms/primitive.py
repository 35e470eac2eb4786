"""One operation, and those that are made for a number: w x, a step at a time, gentle slopes."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "ANYWHERE",
    "FURTHER",
    "PRODUCT",
    "STEP",
    "TERM",
    "WAVE",
    "GentleRoot",
    "Primitive",
    "Steep",
    "StepAt",
    "Times",
    "array_module",
    "smooth_sign",
    "step_at",
    "times",
]

TERM, PRODUCT, WAVE, FURTHER = 3.0, 2.0, 5.0, 7.0
"""Discovery's prices in nats: of every term, and on top for each product, each sin or cos, and each
further operation in it. Products of variables are cheaper than operations, because most laws are
made of them and, over a small range, cos(x) and x² are hard to tell apart. That of dry friction,
drag and √x was taken from systems drawn at random, linear or cubic oscillators with none of them,
oscillators braked by sign(v) or |v| v, and tanks that empty by √h, of 60, 120 or 250 rows with
0.3, 1 or 3 % of noise: at 2 nats two of 40 systems got a false one of them and all 20 true ones
were found, at 4.5 and at 7 none was false and 19 of 20 were found."""

ANYWHERE = (-math.inf, math.inf)


@dataclasses.dataclass(frozen=True)
class Primitive:
    """One operation: a row of the table, or a user's own.

    Two primitives are equal if the first five entries are.

    Attributes:
      name: the word that terms are printed with, `sin`.
      arity: number of arguments: 0, 1 or 2.
      function: the exact operation on JAX arrays of one shape; a scalar where there is no argument.
      domain: (low, high), the interval that every argument is sampled from, and on which a circuit
        must know the operation.
      complexity: the paper's price in units of α (Exp 3): the complexity prior adds
        -α · complexity to the logit of a term.
      nats: discovery's price; an operation of one's own costs as little as a product.
      usable: (low, high), the values on which a discovery may use it if it is smooth between them;
        None for an operation that is known on its domain only.
      polynomial: True if sums and products of variables express it, so that a discovery need not
        offer it as well.
      numpy: the exact operation on NumPy arrays; None compiles `function`.
      sympy: the operation as a function of the module sympy and its arguments, so that SymPy is
        imported only where it is used; None for an undefined function of that name.
      smooth: what stands for it inside a fit, of a variable that is divided by its largest size
        there: a solution that crosses a jump has no derivative; None for itself.
      degree: p of f(s x) = s^p f(x) for any s > 0; only of an operation with `smooth`.
      alone: True if a discovery offers it of a variable alone, and not times a state as well.
      two_sided: True if it is an operation of its own only where values have both signs.
      recipe: what is particular to the recipe of its shipped circuit, above all where its points
        are drawn: a little beyond the domain, because a fit is worst at the edge of its data. None
        if there is no circuit.
    """

    name: str
    arity: int
    function: Callable[..., jax.Array]
    domain: tuple[float, float]
    complexity: float
    _: dataclasses.KW_ONLY
    nats: float = dataclasses.field(default=PRODUCT, compare=False)
    usable: tuple[float, float] | None = dataclasses.field(default=None, compare=False)
    polynomial: bool = dataclasses.field(default=False, compare=False)
    numpy: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    sympy: Callable[..., Any] | None = dataclasses.field(default=None, compare=False)
    smooth: "Primitive | None" = dataclasses.field(default=None, compare=False)
    degree: float = dataclasses.field(default=0.0, compare=False)
    alone: bool = dataclasses.field(default=False, compare=False)
    two_sided: bool = dataclasses.field(default=False, compare=False)
    recipe: Mapping[str, Any] | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class Times:
    """x ↦ w x, for one number w."""

    number: float

    def __call__(self, x: Any) -> Any:
        """W x."""
        return self.number * x


def times(number: float) -> Primitive:
    """Return the operation x ↦ w x, whose name is w with every digit.

    Example:
      >>> times(0.5).name, times(0.5).function(4.0)
      ('0.5', 2.0)
    """
    function = Times(float(number))
    return Primitive(
        repr(float(number)), 1, function, ANYWHERE, 0.0, nats=0.0, usable=ANYWHERE, numpy=function
    )


def array_module(x: Any) -> Any:
    """NumPy for its arrays and for numbers, which JAX does not trace; JAX's for all else."""
    return np if isinstance(x, float | np.ndarray) else jnp


@dataclasses.dataclass(frozen=True)
class StepAt:
    """t ↦ 1 from one time on, 0 before."""

    time: float

    def __call__(self, t: Any) -> Any:
        """1 where t is at least `time`."""
        return array_module(t).where(t >= self.time, 1.0, 0.0)


def step_at(time: float) -> Primitive:
    """Return the operation that is 1 from a time on, whose name is `step@` and every digit of it.

    Example:
      >>> step_at(2.0).name, float(step_at(2.0).function(2.5))
      ('step@2.0', 1.0)
    """
    function = StepAt(float(time))
    return Primitive(
        f"{STEP}{float(time)!r}", 1, function, ANYWHERE, 1.0, nats=FURTHER, usable=ANYWHERE,
        numpy=function,
    )  # fmt: skip


STEP = "step@"


@dataclasses.dataclass(frozen=True)
class Steep:
    """x ↦ tanh(x / ε), for one ε."""

    width: float

    def __call__(self, x: Any) -> Any:
        """Tanh(x / ε)."""
        return array_module(x).tanh(x / self.width)


def smooth_sign(width: float) -> Primitive:
    """Return the operation x ↦ tanh(x / width)."""
    function = Steep(float(width))
    return Primitive(
        "smooth_sign", 1, function, (-1.0, 1.0), 1.0, usable=ANYWHERE, numpy=function,
        two_sided=True,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class GentleRoot:
    """The odd function that is √x from an ε on and has two derivatives everywhere.

    Between -ε and ε it is √ε (45 u - 18 u³ + 5 u⁵) / 32 of u = x / ε, so that beyond them nothing
    differs from a root, and no term makes up for what would.
    """

    width: float

    def __call__(self, x: Any) -> Any:
        """The root, or the polynomial near 0."""
        xp = array_module(x)
        u = x / self.width
        far = xp.abs(u) > 1
        root = xp.sign(x) * xp.sqrt(xp.where(far, xp.abs(x), 1.0))
        near = xp.where(far, 0.0, u)
        bent = np.sqrt(self.width) * near * (45 - 18 * near**2 + 5 * near**4) / 32
        return xp.where(far, root, bent)
