"""States that are none: something outside drives them, and they drive the others.

A torque, a current or the weather beside the states of a system has no equation among them. As a
state it spoils the equations of the others, which are simulated from its wrong one. So where
equations miss a recording, what is no function of the columns, or repeats itself as a generator
does, becomes an input; and where that does not help, whatever has no equation though others, each
alone beside measured columns, have one: before numbers inside terms are looked for where states
are missed by much, and after that as well.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, forced_models, generated, wide_table
from nsindy.discovery.answer import diagnosis
from nsindy.discovery.answer.verdict import left_shares
from nsindy.discovery.models import FoundModel
from nsindy.discovery.opening import Case, Opening, opened
from nsindy.discovery.preparation import signals
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import stages
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.recording.arrange import arranged, as_inputs

__all__ = ["from_outside", "unspoiled"]

WITHOUT = (
    "no equation was found for {0}, and as a state it spoils those of the others: it is taken as "
    "an input of theirs"
)
"""What is said of such a state, {0}."""


def from_outside(case: Case, opening: Opening) -> tuple[Case, Opening]:
    """The same, or a search with what acts from outside as an input of the others.

    Args:
      case: what is searched.
      opening: its search on the first part.
    """
    return _with_acting(case, opening) or _lost_together(case, opening) or (case, opening)


def _with_acting(case: Case, opening: Opening) -> tuple[Case, Opening] | None:
    """A search with columns as inputs that show what they are; None where none does, or helps."""
    names, ratio, why = _acting(case, opening)
    if not names or case.stop():
        return None
    fewer = _with_inputs(case, names, why + "; {0} is taken as an input, which acts from outside")
    posed = fewer.posed()
    if posed is None:
        return None
    again = opened(fewer, *posed)
    kept = [name not in names for name in case.recordings.states]
    before, now = (
        left_shares(each.prepared, each.first, of.recordings)
        for of, each in ((case, opening), (fewer, again))
    )
    helps = np.mean(np.log(now / before[kept])) < np.log(ratio)
    return (fewer, again) if helps and _acts(again, len(names)) else None


def _lost_together(case: Case, opening: Opening) -> tuple[Case, Opening] | None:
    """A search with states as inputs that have no equation, where together all are lost.

    Smooth inputs, as a second tone beside the first or the speed of the car ahead, are followed for
    a while by some equation, whose simulation leaves the recording and takes the others with it.
    Equations of true states that merely lack a number or an operation come nearer: near to states
    that are measured with noise, many times whose noise an input without any is missed by.
    """
    prepared, first = opening.prepared, opening.first
    left = left_shares(prepared, first, case.recordings)
    if not stages.missed(prepared, first):
        return None
    alone = _each_alone(case, prepared)
    good, names = _told_apart(alone, case.recordings.states)
    if not good or not names or case.stop():
        return None
    far = all(name not in alone or alone[name].is_far() for name in names)
    if not (left > constants.SPOILED).any() and not (far and all(alone[n].noisy() for n in good)):
        return None
    # A velocity that something drives in time is the rate of its position, and no input of it.
    if not any(alone[name].holds(good) and alone[name].holds(names) for name in good):
        return None
    if any(_driven_in_time(alone[name], good) for name in names if name in alone):
        return None
    fewer = _with_inputs(case, names, WITHOUT)
    posed = fewer.posed()
    again = None if posed is None else opened(fewer, *posed)
    if again is None or stages.missed(again.prepared, again.first):
        return None
    return fewer, again


def _acts(opening: Opening, last: int) -> bool:
    """Whether any of the last inputs is in an equation beside a state: else nothing is gained.

    What alone makes a state change is its rate, as a velocity is that of a position; such a column
    may be driven in time.
    """
    prepared, chosen = opening.prepared, opening.first.chosen.mask
    count, states = len(prepared.units.variables), range(len(prepared.units.states))
    inputs = range(count - last, count)
    return any(_hold(prepared, row, inputs) and _hold(prepared, row, states) for row in chosen)


def _hold(prepared: Prepared, chosen: np.ndarray, places: Sequence[int]) -> bool:
    """Whether any of the terms that are chosen [M] holds any of these variables."""
    terms = [prepared.terms[m] for m in np.flatnonzero(chosen)]
    return any(holds(term, place) for term in terms for place in places)


def unspoiled(case: Case, model: FoundModel) -> Case | None:
    """The states of which each alone, beside the others as measured, has an equation.

    None where those are all or none of them, or none of them is missed by much.

    Args:
      case: what was searched.
      model: what was found, which misses states.
    """
    missed = left_shares(model.prepared, model.final, case.recordings) > constants.SPOILED
    states = case.recordings.states
    alone = _each_alone(case, model.prepared) if missed.any() else {}
    good, names = _told_apart(alone, states)
    helped = any(miss and name in good for name, miss in zip(states, missed, strict=True))
    return _with_inputs(case, names, WITHOUT) if names and helped else None


class _Alone(NamedTuple):
    """The search of one state beside the others as measured.

    Attributes:
      session: builds and searches problems.
      prepared: the problem.
      first: its search on the first part.
      names: of the variables, in their order.
      missed: whether it misses the recording.
    """

    session: Session
    prepared: Prepared
    first: Found
    names: tuple[str, ...]
    missed: bool

    def is_far(self) -> bool:
        """Whether it misses the recording by many times its noise."""
        noise = np.maximum(signals.noise(self.prepared.signals), self.prepared.problem.floor)
        return bool((self.first.noise > constants.OUTSIDE_FAR * noise)[-1])

    def noisy(self) -> bool:
        """Whether the state is measured with noise, beyond what smoothing leaves of none."""
        spread = np.concatenate([each.measured for each in self.prepared.signals]).std(0)
        return bool((signals.noise(self.prepared.signals) > constants.NOISY * spread)[-1])

    def holds(self, names: Sequence[str]) -> bool:
        """Whether its equation holds any of these variables."""
        places = [place for place, name in enumerate(self.names) if name in names]
        return _hold(self.prepared, np.any(self.first.chosen.mask, 0), places)


def _told_apart(alone: Mapping[str, _Alone], states: Sequence[str]) -> tuple[list[str], list[str]]:
    """States that have an equation alone, and those that have none."""
    good = [name for name, one in alone.items() if not one.missed]
    return good, [name for name in states if name not in good]


def _each_alone(case: Case, prepared: Prepared) -> dict[str, _Alone]:
    """The search of each state alone that can be posed; empty where none is made.

    Args:
      case: what was searched.
      prepared: the problem of all states.
    """
    recordings, states = case.recordings, case.recordings.states
    found: dict[str, _Alone] = {}
    whole = all(np.isfinite(part.states).all() for part in recordings.parts)
    if len(states) < 2 or not whole or prepared.problem.wide or case.said.words & set(states):
        return {}
    for name in states:
        if case.stop():
            return {}
        inputs = (*recordings.inputs, *(other for other in states if other != name))
        posed = case.with_columns(arranged(recordings, [name], inputs)).posed()
        if posed is None:
            continue
        own, first = stages.first_search(*posed)
        variables = (name,) * case.question.order + inputs
        found[name] = _Alone(posed[0], own, first, variables, stages.missed(own, first))
    return found


def _driven_in_time(one: _Alone, good: Sequence[str]) -> bool:
    """Whether it has an equation with a forcing in time, in which states act that have one."""
    plain, final = stages.search_all(one.session, one.prepared, one.first)
    usual = FoundModel.plain(plain, one.first, final)
    model = forced_models.with_forcing(one.session, usual, one.prepared, one.first)
    if model is None or stages.missed(model.prepared, model.final):
        return False
    return one._replace(prepared=model.prepared, first=model.final).holds(good)


class _Acting(NamedTuple):
    """States that may act from outside.

    Attributes:
      names: of them.
      ratio: by which the others are missed at most, once they are inputs.
      why: in words with {0} for the name.
    """

    names: list[str]
    ratio: float
    why: str


def _acting(case: Case, opening: Opening) -> _Acting:
    """States that something outside makes; without a name where equations miss nothing."""
    prepared, first, states = opening.prepared, opening.first, case.recordings.states
    if len(states) < 2 or prepared.problem.wide or not stages.missed(prepared, first):
        return _Acting([], 1.0, "")
    # An equation needs its inputs at all times.
    able = np.isfinite(np.concatenate([part.states for part in case.recordings.parts])).all(0)
    able &= ~np.isin(states, list(case.said.words))
    count = len(prepared.units.states)
    rows = range(count - len(states), count)

    def those(acting: np.ndarray) -> list[str]:
        names = [name for name, acts in zip(states, able & acting, strict=True) if acts]
        return names if len(names) < len(states) else []

    if names := those(_of_no_function(case, opening, rows)):
        why = "{0}' is no function of the columns: the same values go on in different ways"
        return _Acting(names, constants.SPOILS, why)
    names = those(generated.repeating(prepared.signals)[rows.start :])
    why = "{0} repeats itself from the first row on, and others do not"
    return _Acting(names, constants.REPEAT_HELPS, why)


def _of_no_function(case: Case, opening: Opening, rows: range) -> np.ndarray:
    """The states whose changes no function of the columns gives [D]."""
    prepared, first = opening.prepared, opening.first
    elsewhere, here = (share[rows.start :] for share in wide_table.explained(prepared))
    longest = max(prepared.signals, key=lambda signal: len(signal.times))
    apart = np.nan_to_num(diagnosis.changes_apart(longest, rows))
    # Of many columns no two passages are near. What an equation explains well, and is missed all
    # the same, is driven by what none explains, or none foretells at all, and none follows.
    left = left_shares(prepared, first, case.recordings)
    spoiled = (left > constants.SPOILED) & (elsewhere > constants.OUTSIDE)
    chance = (here < constants.EXPLAINED_HERE) | (elsewhere < 0)
    certain = chance & (left > constants.LOST) & spoiled.any()
    none = (elsewhere < constants.EXPLAINED) & (here < constants.OUTSIDE)
    return none & (certain | (apart > constants.OUTSIDE_APART))


def _with_inputs(case: Case, names: Sequence[str], why: str) -> Case:
    """What is searched with these states as inputs, and a note for each."""
    recordings = as_inputs(case.recordings, names)
    keep = '; --free "{0}\' : 1, {0}" keeps it a state'
    notes = [(why + keep).format(name) for name in names]
    return case.with_columns(recordings._replace(notes=(*recordings.notes, *notes)))
