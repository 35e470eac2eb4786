"""Numbers that are tried inside terms, and those that are offered.

Letters beside the usual: V variables · G numbers that are tried · W terms of a number.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import dictionary, signals
from nsindy.discovery.preparation.kinds import (
    FREE,
    FREED_AS,
    OF_AN_INPUT,
    OF_INPUTS_ALONE,
    POWERS_OF,
    Shape,
)
from nsindy.discovery.preparation.problem import Prepared
from nsindy.terms.numbered import WAVE, Inner, inner_of
from nsindy.terms.numbered_operations import Numbered
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term

__all__ = [
    "Block",
    "Offer",
    "Only",
    "blocks",
    "digits",
    "freed",
    "freed_powers",
    "holding",
    "price_of_each",
]


class Offer(NamedTuple):
    """A number that pays.

    Attributes:
      inner: the number, its variable and its kind.
      mask: a support to begin with, the terms of the number behind the others [D, M + W].
      price: nats that the number itself must earn.
      gain: nats that the scan promises, its price paid.
      behind: nats by which others promise more, of those that were looked for in one way.
      followed: True where that was found along trajectories: it is searched with as it is.
      shared: True for a number of two equations, which is searched with as it is too.
    """

    inner: Inner
    mask: np.ndarray
    price: float
    gain: float = 0.0
    behind: float = 0.0
    followed: bool = False
    shared: bool = False


class Block(NamedTuple):
    """The terms of many numbers of one kind in one variable, or in two.

    Attributes:
      kind: its name.
      places: the variables.
      numbers: that are tried [G].
      shapes: of W terms.
      prices: nats of each of them [W].
      second: the second number of all of them; None where they have one.
    """

    kind: str
    places: tuple[int, ...]
    numbers: np.ndarray
    shapes: tuple[Shape, ...]
    prices: np.ndarray
    second: float | None = None

    @property
    def numbers_of_each(self) -> int:
        """How many numbers a term has."""
        return 1 if self.second is None else 2

    def columns(self, variables: np.ndarray) -> np.ndarray:
        """The terms at samples [N, V], all numbers of the first term first [N, W · G].

        Of variables before and after each sample [2, N, V] it is the mean of both.
        """
        if variables.ndim == 3:
            return self.sides(variables).mean(0)
        with np.errstate(all="ignore"):
            each = [
                shape.values(variables, self.places, self.numbers, self.second)
                for shape in self.shapes
            ]
        return np.concatenate(each, 1)

    def sides(self, variables: np.ndarray) -> np.ndarray:
        """The same of variables [B, N, V] whose inputs may step, each by itself [B, N, W · G]."""
        found = np.repeat(self.columns(variables[-1])[None], len(variables), 0)
        steps = np.any(variables[0] != variables[-1], axis=1)
        found[0, steps] = self.columns(variables[0, steps])
        return found

    def inner(self, number: float) -> Inner:
        """One number."""
        return inner_in(self.kind, self.places, number, self.second)

    def at(self, numbers: np.ndarray) -> "Block":
        """The same with other numbers."""
        return self._replace(numbers=numbers)


class Only(NamedTuple):
    """Where alone a number is looked for, to take the place of the one there.

    Attributes:
      kind: its name.
      places: the variables.
      equation: None for all.
    """

    kind: str
    places: tuple[int, ...]
    equation: int | None = None


def inner_in(
    kind: str, places: tuple[int, ...], number: float, second: float | None = None
) -> Inner:
    """A number in one variable or two, or two numbers in one."""
    *before, place = places
    return Inner(kind, place, number, before=before[0] if before else None, second=second)


def holding(prepared: Prepared, inner: Inner) -> np.ndarray:
    """True for the terms that hold the number of a variable [M]."""
    own = (inner_of(term) for term in prepared.terms)
    return np.array([each is not None and each.place == inner.place for each in own])


def digits(prepared: Prepared) -> float:
    """What the digits of a number cost: ½ log n nats, n measured values of all states.

    It is the same wherever a number is offered, since all its offers end in one fit.
    """
    return float(0.5 * np.log(signals.cells(prepared.signals).sum()))


def freed(prepared: Prepared, mask: np.ndarray) -> list[Offer]:
    """The 1 in x/(1 + x), exp(1 x) or tanh(1 x) of a choice, free.

    Args:
      prepared: the library.
      mask: the support that was chosen [D, M].
    """
    kinds, count = prepared.kinds, len(prepared.units.states)
    taken = {inner.place for inner in prepared.units.inner}
    mul, price = PRIMITIVES["mul"], digits(prepared)
    made = []
    places = [v for v in range(len(prepared.units.variables)) if v not in taken]
    names = [name for name, kind in kinds.others.items() if kind.freed]
    for name, place in ((name, place) for name in names for place in places):
        inner = Inner(name, place, 1.0)
        own = list(kinds.terms(inner, count))
        alone = Term(PRIMITIVES[kinds.others[name].beside], (place,))
        plain = {alone: own[0]}
        plain |= {Term(mul, (state, alone)): Term(mul, (state, own[0])) for state in range(count)}
        shown = np.pad(mask, ((0, 0), (0, len(own))))
        for m, term in enumerate(prepared.terms):
            if term in plain and plain[term] in own:
                shown[:, mask.shape[1] + own.index(plain[term])] |= mask[:, m]
                shown[:, m] = False
        if shown[:, mask.shape[1] :].any():
            made.append(Offer(inner, shown, price, 1.0))
    return made


def freed_powers(prepared: Prepared, mask: np.ndarray) -> list[Offer]:
    """The power of a saturation or a Hill term of a choice, free, in place of 1, 2 or 4.

    Args:
      prepared: the library.
      mask: the support that was chosen [D, M].
    """
    kinds, count = prepared.kinds, len(prepared.units.states)
    made = []
    for held in prepared.units.inner:
        if held.kind not in POWERS_OF or FREE not in kinds.others:
            continue
        old = dict(
            zip(
                kinds.terms(held, count),
                kinds.shapes(held.kind, held.places, count),
                strict=True,
            )
        )
        columns = [m for m, term in enumerate(prepared.terms) if term in old]
        inner = Inner(FREE, held.place, held.number, second=POWERS_OF[held.kind])
        shapes = kinds.shapes(FREE, held.places, count)
        shown = np.pad(np.delete(mask, columns, 1), ((0, 0), (0, len(shapes))))
        chosen = [m for m in columns if mask[:, m].any()]
        free = [_with_free_power(old[prepared.terms[m]]) for m in chosen]
        # Times two states no power is free.
        if not chosen or not {*free} <= {*shapes}:
            continue
        for m, shape in zip(chosen, free, strict=True):
            shown[:, shapes.index(shape) - len(shapes)] |= mask[:, m]
        made.append(Offer(inner, shown, digits(prepared), 1.0))
    return made


def _with_free_power(shape: Shape) -> Shape:
    """The same with the power free."""
    assert isinstance(shape.operation, Numbered)
    return Shape(NUMBERED[FREED_AS[shape.operation.name]], shape.times)


def blocks(
    prepared: Prepared,
    values: Sequence[np.ndarray],
    only: Only | None = None,
    *,
    forced: bool = False,
    paired: bool = False,
) -> list[Block]:
    """The numbers to try, of each kind and variable; see `number_scan.offers`.

    Args:
      prepared: the library; variables that have a number already have no other.
      values: of the variables in each recording, raw [N, V] or [2, N, V].
      only: a kind and its variables; None for all.
      forced: True where the variable is a time.
      paired: True for numbers of two states as well.
    """
    kinds, count = prepared.kinds, len(prepared.units.states)
    values = [each[-1] if each.ndim == 3 else each for each in values]
    samples = sum(len(each) for each in values) * count
    jumps = np.concatenate([np.abs(np.diff(each, axis=0)) for each in values])
    values = np.concatenate(values)
    span, jump = np.ptp(values, 0), np.quantile(jumps, 0.9, axis=0)
    taken = {inner.place for inner in prepared.units.inner}
    tried = [(only.kind, only.places)] if only else _tried(prepared, paired=paired)
    made = []
    for name, places in tried:
        if only is None and places[-1] in taken:
            continue
        if name == WAVE:
            (place,) = places
            numbers = _frequencies(span[place], jump[place])
            if forced:
                numbers = numbers[numbers >= 0.99 * 1.5 * np.pi / span[place]]
        else:
            numbers = kinds.others[name].grid(*values[:, places].T)
        shapes = kinds.shapes(name, places, count)
        if not len(numbers) or not shapes:
            continue
        seconds = (None,) if name == WAVE else kinds.others[name].seconds(*values[:, places].T)
        for second in seconds:
            own = inner_in(name, places, 1.0, second)
            prices = dictionary.costs([shape.term(own) for shape in shapes])
            block = Block(name, places, numbers, shapes, prices + price_of_each(samples), second)
            columns = block.columns(values).reshape(len(values), len(shapes), -1)
            finite = np.isfinite(columns).all((0, 1))
            finite &= ~dictionary.has_pole(columns).any(0)
            if finite.any():
                made.append(block.at(numbers[finite]))
    return made


def _tried(prepared: Prepared, *, paired: bool) -> list[tuple[str, tuple[int, ...]]]:
    """Kinds and their variables, variable by variable and then pair by pair."""
    kinds, count = prepared.kinds, len(prepared.units.states)
    alone = [WAVE, *(name for name, kind in kinds.others.items() if kind.variables == 1)]
    variables = range(len(prepared.units.variables))
    tried: list[tuple[str, tuple[int, ...]]] = [
        (n, (v,)) for v in variables for n in alone if v in kinds.inputs or n not in OF_INPUTS_ALONE
    ]
    if paired and count <= constants.PAIRED_STATES:
        both = [name for name, kind in kinds.others.items() if kind.variables == 2]
        tried += [(n, pair) for pair in itertools.combinations(range(count), 2) for n in both]
        # An inhibitor, or what else takes the place of a state, may be an input.
        driven = itertools.product(kinds.inputs, range(count))
        tried += [(n, pair) for pair in driven for n in both if n in OF_AN_INPUT]
    return tried


def price_of_each(samples: int) -> float:
    """Nats that each coefficient costs beside its term.

    Of supports that are less than that apart, the one with fewer terms is taken.
    """
    return float(0.5 * np.log(samples) + constants.STRONG)


def _frequencies(span: float, jump: float) -> np.ndarray:
    """The w to try: from a quarter of a wave across the range of a variable, by as much, on."""
    count = min(constants.WAVE_NUMBERS, int(span / jump)) if jump > 0 else 0
    return np.pi / 2 / (span or np.inf) * np.arange(1, count + 1)
