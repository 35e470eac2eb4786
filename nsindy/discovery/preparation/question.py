"""What is asked of a discovery, apart from the recordings."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nsindy.terms.given_operations import Operations, rows_of
from nsindy.terms.numbered_operations import Numbered
from nsindy.terms.primitive import Primitive

__all__ = ["Question"]

SINCE = "since"
"""Inputs whose value in a row has acted since the row before."""


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """What is asked; `discover` says what each option means.

    Attributes:
      order: 1 or 2.
      either: True to try order 2 as well, where no equation of order 1 explains the recordings.
      operations: unary operations, or None for those that the samples bear.
      own: operations of one's own that own a number, tried beside all others.
      degree: most variables in a product, or None for what the samples bear.
      max_terms: most terms of an equation.
      noise: standard deviation that is known, one or one for each state; None where it is not.
      map: True for a map, that gives each row from the one before.
      forcing: True to look for a forcing in time that was not measured, False for none, None where
        what the best equations leave shows one.
      know: equations of which coefficients are given.
      free: the terms that an equation may hold.
      sign: of a coefficient.
      equal: coefficients that are equal, or in a ratio, across equations.
      law: systems of equations with numbers to fit, to be tested.
      hold: True where inputs keep their value until the next row, False where they run straight to
        it, one or one for each input; "since" where the value of a row has acted since the row
        before, as a sum or mean of that time; None where the recordings are to say it.
      hidden: 1 for a state that was not measured, or its name; 0 for none.

    Raises:
      ValueError: an option is out of range.
    """

    order: int = 1
    either: bool = False
    operations: Operations | None = None
    own: Sequence[Numbered] = ()
    degree: int | None = None
    max_terms: int = 6
    noise: float | Sequence[float] | None = None
    map: bool = False
    forcing: bool | None = None
    know: Sequence[str] = ()
    free: Sequence[str] = ()
    sign: Sequence[str] = ()
    equal: Sequence[str] = ()
    law: Sequence[str] = ()
    hold: bool | str | Sequence[bool] | None = None
    hidden: int | str = 0

    def __post_init__(self):
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order}")
        if self.degree is not None and self.degree < 1:
            raise ValueError(f"degree must be at least 1, not {self.degree}")
        if self.map and self.order != 1:
            raise ValueError("a map has order 1; give the rows before as states of their own")
        if self.map and self.forcing:
            raise ValueError("a map has no forcing in time; give one of them")
        said = self.know or self.free or self.sign or self.equal or self.law
        if self.map and (self.hold is not None or said):
            raise ValueError(
                "hold, know, free, sign, equal and law are of differential equations, not of a map"
            )
        if self.hidden_names and (self.order != 1 or self.map or self.forcing):
            raise ValueError(
                "a hidden state is one of equations of first order; leave out order 2, map and "
                "forcing"
            )
        if isinstance(self.hold, str) and (self.hold != SINCE or self.hidden_names):
            raise ValueError(
                f"hold must be True, False or {SINCE!r}, which is not for a hidden state, not "
                f"{self.hold!r}"
            )
        if self.hidden_names and self.equal:
            raise ValueError(
                "equal is not for a hidden state, whose scale is a choice; give a law in which the "
                "coefficients have one name"
            )
        if self.max_terms < 1:
            raise ValueError(f"max_terms must be at least 1, not {self.max_terms}")
        noise = np.asarray(0.0 if self.noise is None else self.noise, float)
        if not (np.isfinite(noise).all() and (noise >= 0).all()):
            raise ValueError(f"noise must be finite and at least 0, not {self.noise}")
        # An operation that does not exist is known before anything is computed.
        _ = self.rows

    @property
    def hidden_names(self) -> tuple[str, ...]:
        """The name of the state that was not measured, h where it has none; nothing for none.

        Raises:
          ValueError: it is no name, or more than one.
        """
        words = str(int(self.hidden) if isinstance(self.hidden, int) else self.hidden).strip()
        if words.isdecimal():
            if int(words) > 1:
                raise ValueError(f"hidden must be 1 or the name of one state, not {words}")
            return ("h",) * int(words)
        if not words.isidentifier():
            raise ValueError(f"hidden must be 1 or the name of one state, not {words!r}")
        return (words,)

    @property
    def rows(self) -> tuple[Primitive, ...] | None:
        """The operations as rows of the table, or None for those that the samples bear.

        Raises:
          ValueError: a name is unknown, or JAX cannot trace a function.
        """
        if self.operations is None:
            return None
        return rows_of([each for each in self._listed if not isinstance(each, Numbered)])

    @property
    def numbered(self) -> tuple[Numbered, ...]:
        """The operations of one's own that own a number."""
        return (*self.own, *(each for each in self._listed if isinstance(each, Numbered)))

    @property
    def _listed(self) -> Sequence[Any]:
        given = () if self.operations is None else self.operations
        single = isinstance(given, str | Primitive | Numbered) or callable(given)
        return (given,) if single else given  # type: ignore[return-value]

    def floor(self, states: int) -> np.ndarray:
        """The noise that is known of each measured state, 0 where none is [states].

        Raises:
          ValueError: it has another number of values than there are states.
        """
        noise = np.asarray(0.0 if self.noise is None else self.noise, float)
        if noise.size not in (1, states):
            raise ValueError(
                f"noise has {noise.size} numbers for {states} states; give one, or one for each"
            )
        return np.broadcast_to(noise, (states,))

    def with_inputs(self, more: int) -> "Question":
        """The same with so many inputs more, of which nothing is said."""
        if self.hold is None or np.ndim(self.hold) == 0:
            return self
        return dataclasses.replace(self, hold=(*np.asarray(self.hold).tolist(), *[False] * more))

    def held(self, inputs: int) -> np.ndarray:
        """Which inputs are held, False where nothing is said [U].

        Raises:
          ValueError: it has another number of values than there are inputs.
        """
        hold = np.asarray(False if self.hold is None else self.hold).astype(bool)
        if hold.ndim and hold.size != inputs:
            raise ValueError(
                f"hold has {hold.size} values for {inputs} inputs; give one, or one for each"
            )
        return np.broadcast_to(hold, (inputs,))
