"""The table of operations: a new operation is one row of `PRIMITIVES`."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "PAPER",
    "PRIMITIVES",
    "TERM",
    "Primitive",
    "Steep",
    "StepAt",
    "Times",
    "array_module",
    "get",
    "numpy_function",
    "sample",
    "searched",
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
0.3, 1 or 3 % of noise: at 2 nats two of 40 systems got a false one of
them and all 20 true ones were found, at 4.5 and at 7 none was false and 19 of 20 were found."""

ANYWHERE = (-math.inf, math.inf)

WIDTH_OF_SIGN = 0.002
"""ε of tanh(x / ε), which stands for sign(x) inside a fit, as a share of the largest |x|. Where x
crosses zero, what is too little before is too much after, so the share hardly matters."""

WIDTH_OF_ROOT = 1e-3
"""ε below which a polynomial stands for √x inside a fit, as a share of the largest x."""


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
        f"{_STEP}{float(time)!r}", 1, function, ANYWHERE, 1.0, nats=FURTHER, usable=ANYWHERE,
        numpy=function,
    )  # fmt: skip


_STEP = "step@"


@dataclasses.dataclass(frozen=True)
class Steep:
    """x ↦ tanh(x / ε), for one ε."""

    width: float

    def __call__(self, x: Any) -> Any:
        """Tanh(x / ε)."""
        return array_module(x).tanh(x / self.width)


def _root_of_positive(x: jax.Array) -> jax.Array:
    """√x, and 0 with a slope of 0 where x is not above 0, as of an empty tank."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


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


PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        Primitive(
            "identity", 1, lambda x: x, (-5.0, 5.0), -1.0, nats=0.0, usable=ANYWHERE,
            polynomial=True, numpy=lambda x: x, sympy=lambda _, x: x, recipe={"half_width": 5.2},
        ),
        Primitive(
            "sin", 1, jnp.sin, (-2 * math.pi, 2 * math.pi), 0.0, nats=WAVE, usable=ANYWHERE,
            numpy=np.sin, sympy=lambda sp, x: sp.sin(x), recipe={"half_width": 2.08 * math.pi},
        ),
        Primitive(
            "cos", 1, jnp.cos, (-2 * math.pi, 2 * math.pi), 0.0, nats=WAVE, usable=ANYWHERE,
            numpy=np.cos, sympy=lambda sp, x: sp.cos(x), recipe={"half_width": 2.08 * math.pi},
        ),
        Primitive(
            "add", 2, jnp.add, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            polynomial=True, numpy=np.add, sympy=lambda _, x, y: x + y, recipe={"half_width": 5.2},
        ),
        Primitive(
            "mul", 2, jnp.multiply, (-5.0, 5.0), 1.0, nats=PRODUCT, usable=ANYWHERE,
            polynomial=True, numpy=np.multiply, sympy=lambda _, x, y: x * y,
            recipe={"half_width": 5.2},
        ),
        # A constant has no argument, its domain no meaning, and it needs no circuit.
        Primitive(
            "one", 0, lambda: jnp.ones(()), (0.0, 1.0), -1.0, nats=0.0, usable=ANYWHERE,
            polynomial=True, numpy=lambda: 1.0, sympy=lambda sp: sp.Integer(1),
        ),
        # Its complexity is that of mul(x,x), which it equals.
        Primitive(
            "square", 1, jnp.square, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            polynomial=True, numpy=np.square, sympy=lambda _, x: x**2, recipe={"half_width": 5.2},
        ),
        Primitive(
            "exp", 1, jnp.exp, (-5.0, 3.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.exp, sympy=lambda sp, x: sp.exp(x),
            recipe={"interval": (-5.2, 3.2), "inner_interval": (1.0, 3.2)},
        ),
        # Points lie denser where an operation bends most, next to its pole.
        Primitive(
            "log", 1, jnp.log, (0.05, 10.0), 1.0, nats=FURTHER, usable=(0.0, math.inf),
            numpy=np.log, sympy=lambda sp, x: sp.log(x),
            recipe={"interval": (0.04, 10.2), "inner_interval": (0.04, 0.4)},
        ),
        Primitive(
            "tanh", 1, jnp.tanh, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.tanh, sympy=lambda sp, x: sp.tanh(x), recipe={"half_width": 5.2},
        ),
        # One branch: a trajectory cannot cross the pole, and neither can a circuit.
        Primitive(
            "reciprocal", 1, jnp.reciprocal, (0.1, 10.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.reciprocal, sympy=lambda _, x: 1 / x,
            recipe={"interval": (0.09, 10.2), "inner_interval": (0.09, 0.6)},
        ),
        # A kink is a network of two ramps; smooth units only come near it.
        Primitive(
            "abs", 1, jnp.abs, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.abs, sympy=lambda sp, x: sp.Abs(x),
            recipe={"hidden": (8,), "activation": "relu", "half_width": 5.2}, two_sided=True,
        ),
        # Of concentrations and populations, which are not negative.
        Primitive(
            "saturation", 1, lambda x: x / (1 + x), (0.0, 10.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=lambda x: x / (1 + x), sympy=lambda _, x: x / (1 + x),
            recipe={"interval": (-0.05, 10.2), "inner_interval": (-0.05, 1.0)},
        ),
        # Dry friction, drag, and the outflow of a tank, which ends when it is empty.
        Primitive(
            "sign", 1, jnp.sign, (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=np.sign, sympy=lambda sp, x: sp.sign(x),
            smooth=smooth_sign(WIDTH_OF_SIGN), alone=True, two_sided=True,
        ),
        Primitive(
            "drag", 1, lambda x: x * jnp.abs(x), (-5.0, 5.0), 1.0, nats=FURTHER, usable=ANYWHERE,
            numpy=lambda x: x * np.abs(x), sympy=lambda sp, x: x * sp.Abs(x),
            alone=True, two_sided=True,
        ),
        Primitive(
            "sqrt", 1, _root_of_positive, (0.0, 10.0), 1.0, nats=FURTHER,
            usable=(0.0, math.inf), numpy=lambda x: np.sqrt(np.maximum(x, 0)),
            sympy=lambda sp, x: sp.sqrt(x),
            smooth=Primitive(
                "smooth_sqrt", 1, GentleRoot(WIDTH_OF_ROOT), (0.0, 1.0), 1.0,
                usable=(-0.03, math.inf), numpy=GentleRoot(WIDTH_OF_ROOT),
            ),
            degree=0.5, alone=True,
        ),
    )
}  # fmt: skip
"""Every operation, by name: the five of the paper first, then the further ones."""

PAPER = ("identity", "sin", "cos", "add", "mul")
"""Names of the five operations of the paper."""


def get(name: str) -> Primitive:
    """Return the primitive of that name; of a number see `times`, of a step `step_at`.

    Raises:
      ValueError: no primitive has that name; the message lists those that exist.
    """
    if name not in PRIMITIVES:
        with contextlib.suppress(ValueError):
            if math.isfinite(number := float(name.removeprefix(_STEP))):
                return step_at(number) if name.startswith(_STEP) else times(number)
        if name.endswith("]"):
            from nsindy.terms.numbered_table import get_numbered

            return get_numbered(name)
        raise ValueError(f"unknown operation {name!r}; the operations are {', '.join(PRIMITIVES)}")
    return PRIMITIVES[name]


def searched(*, alone: bool) -> tuple[str, ...]:
    """Names of the operations that a discovery tries beside products of variables.

    Args:
      alone: True for those that it tries of one variable alone, False for the others.
    """
    return tuple(
        name
        for name, row in PRIMITIVES.items()
        if row.arity == 1 and not row.polynomial and row.alone == alone
    )


def numpy_function(primitive: Primitive) -> Callable[..., Any]:
    """The exact operation on NumPy arrays; only a user's own operation is compiled for it."""
    row = PRIMITIVES.get(primitive.name, primitive)
    # Another function under the name of a row does not inherit its NumPy.
    if primitive.numpy is not None and row.function is primitive.function:
        return primitive.numpy
    compiled = jax.jit(primitive.function)
    return lambda *arguments: np.asarray(compiled(*(np.asarray(a, float) for a in arguments)))


def sample(key: jax.Array, primitive: Primitive, n: int) -> tuple[jax.Array, jax.Array]:
    """Draw inputs uniformly over the domain and evaluate the exact operation.

    Args:
      key: PRNG key, consumed.
      primitive: the operation.
      n: number of points N.

    Returns:
      inputs [N, arity] and targets [N].
    """
    low, high = primitive.domain
    inputs = jax.random.uniform(key, (n, primitive.arity), minval=low, maxval=high)
    return inputs, jnp.broadcast_to(primitive.function(*inputs.T), (n,))
