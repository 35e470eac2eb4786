"""What may hold a number that is fitted: operations of one variable or two, times what, its grid.

A kind is one or two operations of the same number, such as sin(w x) and cos(w x), or x / (K + x)
and 1 / (1 + x / K). A variable has at most one kind with one number at a time; that of two states,
y / (K x + y), is the number of the second.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nsindy.discovery.preparation import number_grids as grids
from nsindy.terms import primitive
from nsindy.terms.numbered import WAVE, Inner
from nsindy.terms.numbered_operations import Numbered, with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term

__all__ = ["KINDS", "Kind", "Kinds", "Shape"]


STEEP_POWERS = 6.0, 10.0
"""n of x^n / (K^n + x^n) that are tried beside each K: lower ones follow the kinds of a whole n."""


class Kind(NamedTuple):
    """Operations of one number.

    Attributes:
      operations: rows of `NUMBERED`, or one's own.
      grid: the numbers to try for values [N] of a variable, or of each of two; none where it makes
        no sense.
      beside: the operation without a number, among which it is tried; empty for one's own.
      freed: True where that is the first operation with a number of 1.
      seconds: the second numbers to try with each of these; None stands for an operation that has
        none.
    """

    operations: tuple[Numbered, ...]
    grid: Callable[..., np.ndarray]
    beside: str = ""
    freed: bool = False
    seconds: Callable[..., tuple[float | None, ...]] = lambda *values: (None,)

    @property
    def variables(self) -> int:
        """How many its operations have."""
        return self.operations[0].variables


class Shape(NamedTuple):
    """A term of a number.

    Attributes:
      operation: its operation; sin or cos by name.
      times: the variables that it is multiplied with.
    """

    operation: Numbered | str
    times: tuple[int, ...] = ()

    def term(self, inner: Inner) -> Term:
        """The term of one number."""
        if isinstance(self.operation, str):
            inside = Term(primitive.times(inner.number), (inner.place,))
            found = Term(PRIMITIVES[self.operation], (inside,))
        else:
            found = Term(with_number(self.operation, *inner.numbers), inner.places)
        for variable in reversed(self.times):
            found = Term(PRIMITIVES["mul"], (variable, found))
        return found

    def values(
        self,
        variables: np.ndarray,
        places: tuple[int, ...],
        numbers: np.ndarray,
        second: float | None = None,
    ) -> np.ndarray:
        """The terms of many numbers [G], with one second, in variables [N, V]: [N, G]."""
        x, p = [variables[:, [place]] for place in places], numbers[None]
        if isinstance(self.operation, str):
            found = getattr(np, self.operation)(p * x[0])
        else:
            found = self.operation.numpy(*x, p, *(() if second is None else (second,)))
        return found * np.prod(variables[:, self.times], axis=1, keepdims=True)


def _kind(
    beside: str,
    names: Sequence[str],
    grid: Callable[..., np.ndarray],
    *,
    freed: bool = False,
    **others: Any,
) -> Kind:
    return Kind(tuple(NUMBERED[name] for name in names), grid, beside, freed, **others)


KINDS: dict[str, Kind] = {
    "saturation": _kind(
        "saturation", ("michaelis", "inhibition"), grids.positive_scales, freed=True
    ),
    "hill2": _kind("saturation", ("hill2", "repression2"), grids.scales),
    "hill3": _kind("saturation", ("hill3", "repression3"), grids.positive_scales),
    "hill4": _kind("saturation", ("hill4", "repression4"), grids.scales),
    "exponential": _kind("exp", ("exponential", "diode"), grids.rates, freed=True),
    "arrhenius": _kind("exp", ("arrhenius",), grids.energies),
    "logarithm": _kind("log", ("logarithm",), grids.levels),
    "tanh": _kind("tanh", ("steep_tanh",), grids.tanh_rates, freed=True),
    "power": _kind("sqrt", ("power",), grids.powers),
    "hinge": _kind("tanh", ("hinge",), grids.thresholds),
    "dead_zone": _kind("tanh", ("dead_zone", "limited"), grids.widths),
    "hill_power": _kind(
        "saturation",
        ("hill_power", "repression_power"),
        grids.positive_scales,
        seconds=lambda *values: STEEP_POWERS,
    ),
    "sigmoid": _kind(
        "tanh", ("sigmoid", "inverse_sigmoid"), grids.thresholds, seconds=grids.steepness
    ),
    "haldane": _kind(
        "saturation", ("haldane",), grids.positive_scales, seconds=grids.second_scales
    ),
    "competition": _kind(
        "saturation",
        ("beddington", "competition"),
        grids.scales_of_two,
        seconds=grids.second_scales,
    ),
    "ratio_share": _kind("saturation", ("ratio_share",), grids.ratios),
    "joint_saturation": _kind(
        "saturation", ("joint_saturation", "joint_inhibition"), grids.product_scales
    ),
    "radial_inhibition": _kind("saturation", ("radial_inhibition",), grids.radii),
    "radial_power": _kind("sqrt", ("radial_power",), grids.radial_powers),
    "difference_power": _kind("sqrt", ("difference_power",), grids.difference_powers),
    "size_of_difference": _kind("sqrt", ("size_of_difference",), grids.slants),
    "difference_of_powers": _kind("sqrt", ("difference_of_powers",), grids.powers_of_both),
}
"""The kinds that are tried beside waves."""

POWERS_OF = {"saturation": 1.0, "hill2": 2.0, "hill3": 3.0, "hill4": 4.0}
"""The kinds whose power may be free, as that of "hill_power", and where it begins."""

FREE = "hill_power"
"""The kind with that power, which follows one of those, or begins where it is steep."""

LOGARITHM = "logarithm"
"""The kind of log(x / K), whose K a term x beside x log(x / K) would change."""

FREED_AS = {
    "michaelis": "hill_power", "inhibition": "repression_power",
    **{f"hill{n}": "hill_power" for n in (2, 3, 4)},
    **{f"repression{n}": "repression_power" for n in (2, 3, 4)},
}  # fmt: skip
"""Their operations, with the power free."""

OF_AN_INPUT = {"competition", "difference_power", "difference_of_powers"}
"""Kinds of two variables of which the first may be an input."""

OF_INPUTS_ALONE = {"dead_zone"}
"""Kinds of inputs alone: of a velocity a limit stands for dry friction, beside false terms."""

_ALONE = {"diode", "dead_zone", "limited"}
"""Operations that are not multiplied with a state: nobody's law is."""

_DRIVEN = {"difference_power", "difference_of_powers"}
"""Operations that are multiplied with inputs alone, as with the valve between two tanks."""

_OF_TWO = {"exponential", "arrhenius"}
"""Operations that are multiplied with two other states as well: how fast two substances react when
it is hot, and how air brakes where it is thin."""

_OF_TWO_DRIVEN = {"michaelis"}
"""Operations of an input that are: the light in which something grows toward a limit."""

_REPEATED = {"inhibition", "power"}
"""Operations that times their own variable are another term of the same number, or of another."""


def _own(operation: Numbered) -> Kind:
    """The kind of an operation of one's own, whose number lies in its range."""
    if operation.ranges is None:
        # Nobody knows what it means: a share of the values, or one over them.
        return Kind(
            (operation,),
            lambda values: np.union1d(grids.scales(values), grids.rates(values)),
        )
    low, high = operation.ranges
    tried = np.geomspace(low, high, 32) if low > 0 else np.linspace(low, high, 33)
    return Kind((operation,), lambda values: tried)


class Kinds(NamedTuple):
    """What may hold a number in a discovery.

    Attributes:
      waves: sin, cos or both, the terms of a wave; none for no waves.
      others: kinds by name.
      inputs: the variables that are measured inputs.
      seasons: whether waves of the time may stand times states.
    """

    waves: tuple[str, ...]
    others: dict[str, Kind]
    inputs: tuple[int, ...] = ()
    seasons: bool = True

    @classmethod
    def beside(
        cls,
        library: Sequence[Term],
        own: Sequence[Numbered] = (),
        *,
        any_operation: bool = False,
        many: bool = False,
        forced: bool = False,
        inputs: Sequence[int] = (),
        seasons: bool = True,
    ) -> "Kinds":
        """The kinds of the operations of a library, and one's own.

        Args:
          library: what is searched without numbers.
          own: operations of one's own that own a number.
          any_operation: True where no operations were named: then a library with waves has every
            kind, since a few of them are fewer than all the terms of the others.
          many: True where there are samples enough for these in a library without waves as well.
          forced: True where a variable is a time, of which sin and cos are offered in any library.
          inputs: the variables that are measured inputs.
          seasons: whether waves of the time may stand times states.
        """
        names = {term.primitive.name for term in library}
        few = any_operation and ("sin" in names or many)
        waves = tuple(name for name in ("sin", "cos") if forced or name in names)
        shipped = {name: kind for name, kind in KINDS.items() if few or kind.beside in names}
        others = {operation.name: _own(operation) for operation in own} | shipped
        return cls(waves, others, tuple(inputs), seasons)

    def shapes(self, kind: str, places: tuple[int, ...], states: int) -> tuple[Shape, ...]:
        """The terms of a number in variables: alone, and but for waves times others.

        These are each state, each other input, as of a valve or of light, and such an input and the
        variable itself, as of a drug that slows what grows; for some also two other states, or
        inputs alone.
        """
        if kind == WAVE:
            season = places[-1] >= states and places[-1] not in self.inputs
            each = self.carriers(states) if season else [()]
            return tuple(Shape(name, times) for times in each for name in self.waves)
        operations, own = self.others[kind].operations, places[-1]
        inputs = [u for u in self.inputs if u not in places]
        driven: list[tuple[int, ...]] = [(u,) for u in inputs]
        times = [*((v,) for v in range(states)), *driven]
        times += [(u, own) for u in inputs if own < states]
        others = [state for state in range(states) if state not in places]
        both = list(itertools.combinations_with_replacement(others, 2))
        of_two = _OF_TWO | (_OF_TWO_DRIVEN if own in self.inputs else set())
        return (
            *(Shape(operation) for operation in operations),
            *(
                Shape(operation, each)
                for operation in operations
                for each in (*times, *(both if operation.name in of_two else ()))
                if operation.name not in _ALONE
                and (operation.name not in _DRIVEN or each in driven)
                and not (len(places) == 1 and own in each and operation.name in _REPEATED)
            ),
        )

    def carriers(self, states: int) -> list[tuple[int, ...]]:
        """What a wave of the time is multiplied with: nothing, a state, or two that meet.

        As a season does with births and with infections.
        """
        if not self.seasons:
            return [()]
        one = [(state,) for state in range(states)]
        return [(), *one, *itertools.combinations(range(states), 2)]

    def terms(self, inner: Inner, states: int) -> tuple[Term, ...]:
        """The terms of a number, as `shapes` lists them."""
        return tuple(shape.term(inner) for shape in self.shapes(inner.kind, inner.places, states))
