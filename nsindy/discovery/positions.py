"""States that are positions: where no equation of first order explains them, one of second may.

Of a swing, a spring or a vehicle often the positions alone are recorded; and of two compartments,
tanks or temperatures one, whose second derivative holds what the other does to it. Equations of
second order are the answer where what a state does depends on how it came there, as a swing's does,
and they foretell; else the answer says that there are such.
"""

import dataclasses

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import diagnosis
from nsindy.discovery.answer.verdict import left_shares
from nsindy.discovery.models import FoundModel
from nsindy.discovery.opening import Case
from nsindy.discovery.preparation.problem import Prepared
from nsindy.result.discovery import Discovery

__all__ = ["as_positions", "with_second_order"]

FOLLOWS = 0.9
"""Share of the variance that one simulation explains, and of the last fifth a forecast, of what is
an answer. Inputs in no equation, or two turns of a swing, leave far less."""


def as_positions(case: Case, model: FoundModel) -> Case | None:
    """The same of second order; None where an order was asked for, or some states are explained.

    A velocity that was recorded has an equation of first order, and so has its position. A state
    that is alone has nothing to be explained by.

    Args:
      case: what was searched with first order.
      model: what was found.
    """
    question = case.question
    if not question.either or case.said.words or model.prepared.problem.wide:
        return None
    missed = left_shares(model.prepared, model.final, case.recordings) > constants.SPOILED
    if len(missed) > 1 and not missed.all():
        return None
    return case._replace(question=dataclasses.replace(question, order=2, either=False))


def with_second_order(first: Discovery, prepared: Prepared, second: Discovery) -> Discovery:
    """The equations of second order where they are the answer; else those of first, with a word.

    Args:
      first: what was found with first order, no equation.
      prepared: its problem.
      second: what was found with second order.
    """
    simulated, ahead = second.simulation_r2, np.asarray(second.held_out.r2)
    if second.verdict == "none" or simulated is None or not np.all(simulated > FOLLOWS):
        return first
    names = " and ".join(first.measured)
    explains = second.verdict == "equation" and np.all(ahead > FOLLOWS)
    best = first.verdict == "none" and second.verdict == "approximation"
    if _swings(prepared, len(first.measured)) and (explains or best):
        what = "positions, each" if len(first.measured) > 1 else "a position,"
        note = (
            f"{names} turned out to be {what} with an equation of second order, since no equation "
            "of first order explains what it does; --order 1 forbids that"
        )
        return dataclasses.replace(second, notes=(*second.notes, note))
    if second.verdict != "equation" or not np.all(ahead > 0):
        return first
    equations = "; ".join(second.equations())
    said = f"equations of second order follow {names}: {equations}; try --order 2"
    return dataclasses.replace(first, warnings=(*first.warnings, said))


def _swings(prepared: Prepared, measured: int) -> bool:
    """Whether states go on in different ways from the same values, but not from the same rates."""
    signal = max(prepared.signals, key=lambda each: len(each.times))
    shares = np.nan_to_num(diagnosis.changes_apart(signal, range(measured)))
    return all(diagnosis.turns_on_itself(signal, row, shares[row]) for row in range(measured))
