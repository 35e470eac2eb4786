"""Operations that own a number, x / (K + x) or y / (K x + y): one row of `NUMBERED` each."""

import contextlib
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np

from nsindy.terms.numbered_operations import Numbered, with_number
from nsindy.terms.primitive import FURTHER, PRODUCT, Primitive, array_module

__all__ = ["NUMBERED", "get_numbered"]


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
`primitive.times`."""


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
