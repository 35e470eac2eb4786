"""States that are positions: where no equation of first order explains them, one of second may.

Of a swing, a spring or a vehicle often the positions alone are recorded; and of two compartments,
tanks or temperatures one, whose second derivative holds what the other does to it. Equations of
second order are the answer where what a state does depends on how it came there, as a swing's does,
and they foretell; else the answer says that there are such. Where that shows before any number
inside a term is looked for, second order comes before those: none makes up for a velocity.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import cautions, diagnosis
from nsindy.discovery.answer.verdict import left_shares
from nsindy.discovery.models import FoundModel
from nsindy.discovery.opening import Case
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports.search import Found
from nsindy.result.discovery import Discovery

__all__ = ["Answer", "as_positions", "by_second_order", "swinging", "with_second_order"]

FOLLOWS = 0.9
"""Share of the variance that one simulation explains, and of the last fifth a forecast, of what is
an answer. Inputs in no equation, or two turns of a swing, leave far less."""

BEGUN = 0.05
"""Initial values, for each measurement, of a chaotic recording that is fitted in stretches, up to
which its equations are an answer though no simulation follows it."""

TURNS = 6
"""Times that such a recording must turn at least, and one whose second order comes before numbers
of first."""

AT_REST = 0.1
"""Share of the usual rate below which a state does not move: there noise turns it to and fro."""

FEWEST_TURNS = 3
"""Times that what swings must turn at least. What grows and then declines turns once or twice."""


class Answer(NamedTuple):
    """What was found, and the model that it was made of.

    Attributes:
      found: in a person's units and words.
      model: that was searched.
    """

    found: Discovery
    model: FoundModel

    def beats(self, other: "Answer") -> bool:
        """Whether it is likelier than another, of the same states, that is no equation."""
        if other.found.verdict == "equation" or self.found.states != other.found.states:
            return False
        return self.model.worth_in_units > other.model.worth_in_units


def as_positions(case: Case, prepared: Prepared, found: Found) -> Case | None:
    """The same of second order; None where an order was asked for, or some states are explained.

    A velocity that was recorded has an equation of first order, and so has its position. A state
    that is alone has nothing to be explained by.

    Args:
      case: what was searched with first order.
      prepared: its problem.
      found: a search of it.
    """
    question = case.question
    if not question.either or case.said.words or prepared.problem.wide:
        return None
    missed = left_shares(prepared, found, case.recordings) > constants.SPOILED
    if len(missed) > 1 and not missed.all():
        return None
    return case._replace(question=dataclasses.replace(question, order=2, either=False))


def swinging(case: Case, prepared: Prepared, found: Found) -> Case | None:
    """The same, None also where states are explained, or show no swing, before numbers are tried.

    Args:
      case: what was searched with first order.
      prepared: its problem.
      found: a search of it.
    """
    if not (left_shares(prepared, found, case.recordings) > constants.SPOILED).all():
        return None
    swings = _turns(prepared) >= TURNS and _swings(prepared)
    return as_positions(case, prepared, found) if swings else None


def by_second_order(first: Prepared, second: Answer) -> Discovery | None:
    """The equations of second order with a note, where they are the answer whatever first gives.

    Args:
      first: the problem of first order.
      second: what was found with second order.
    """
    found = second.found
    if found.verdict != "equation" or not _swings(first):
        return None
    ahead = np.asarray(found.held_out.r2)
    if not (_follows(found) and np.all(ahead > FOLLOWS)) and not _in_long_stretches(second.model):
        return None
    return _noted(found)


def with_second_order(first: Answer, second: Answer) -> Discovery:
    """The equations of second order where they are the answer; else those of first, with a word.

    Args:
      first: what was found with first order, no equation.
      second: what was found with second order.
    """
    found, other = first.found, second.found
    answer = by_second_order(first.model.prepared, second)
    if answer is not None:
        return answer
    if other.verdict == "none" or not _follows(other):
        return found
    if other.verdict == "approximation":
        best = found.verdict == "none" and _swings(first.model.prepared)
        return _noted(other) if best else found
    names, equations = " and ".join(found.measured), "; ".join(other.equations())
    ahead = np.all(np.asarray(other.held_out.r2) > 0)
    but = "" if ahead else ", though a fit to the first four fifths does not foretell the last"
    said = f"equations of second order follow {names}{but}: {equations}; try --order 2"
    return dataclasses.replace(found, warnings=(*found.warnings, said))


def _noted(found: Discovery) -> Discovery:
    names = " and ".join(found.measured)
    what = "positions, each" if len(found.measured) > 1 else "a position,"
    note = (
        f"{names} turned out to be {what} with an equation of second order, since no equation "
        "of first order explains what it does; --order 1 forbids that"
    )
    return dataclasses.replace(found, notes=(*found.notes, note))


def _follows(found: Discovery) -> bool:
    """Whether one simulation of the whole explains nearly all of each state."""
    simulated = found.simulation_r2
    return simulated is not None and bool(np.all(simulated > FOLLOWS))


def _in_long_stretches(model: FoundModel) -> bool:
    """Whether what runs apart, as chaos does, is followed in few stretches.

    It turns to and fro, and its first part has the same equations.
    """
    prepared, final = model.prepared, model.final
    if not cautions.runs_apart(prepared, final):
        return False
    values = final.stretches * len(prepared.units.states)
    few = values <= BEGUN * sum(np.count_nonzero(s.seen) for s in prepared.signals)
    settled = np.array_equal(model.first.chosen.mask, final.chosen.mask)
    return bool(few and settled and _turns(prepared) >= TURNS)


def _turns(prepared: Prepared) -> int:
    """How often the measured state that turns least goes to and fro, at a rate that counts."""
    seen = np.any([s.seen.any(0) for s in prepared.signals], 0)
    turns = []
    for d in np.flatnonzero(seen):
        rates = [s.derivatives[:, d] for s in prepared.signals]
        least = AT_REST * np.sqrt(np.mean(np.concatenate(rates) ** 2))
        moving = [np.sign(rate[np.abs(rate) > least]) for rate in rates]
        turns.append(sum(int(np.count_nonzero(np.diff(each))) for each in moving))
    return min(turns)


def _swings(prepared: Prepared) -> bool:
    """Whether states go on in different ways from the same values, but not from the same rates."""
    signal = max(prepared.signals, key=lambda each: len(each.times))
    measured = range(signal.states.shape[1])
    shares = np.nan_to_num(diagnosis.changes_apart(signal, measured))
    return _turns(prepared) >= FEWEST_TURNS and all(
        diagnosis.turns_on_itself(signal, row, shares[row]) for row in measured
    )
