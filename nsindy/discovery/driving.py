"""States that are none: something outside drives them, and they drive the others.

A torque, a current or the weather beside the states of a system has no equation among them. As a
state it spoils the equations of the others, which are simulated from its wrong one. So where
equations miss a recording, what is no function of the columns, or repeats itself as a generator
does, becomes an input; and where that does not help, whatever has no equation though others, each
alone beside measured columns, have one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants, generated, wide_table
from nsindy.discovery.answer import diagnosis
from nsindy.discovery.answer.verdict import left_shares
from nsindy.discovery.models import FoundModel
from nsindy.discovery.opening import Case, Opening, opened
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.supports import stages
from nsindy.recording.arrange import arranged, as_inputs

__all__ = ["from_outside", "unspoiled"]


def from_outside(case: Case, opening: Opening) -> tuple[Case, Opening]:
    """The same, or a search with what acts from outside as an input of the others.

    Args:
      case: what is searched.
      opening: its search on the first part.
    """
    names, ratio, why = _acting(case, opening)
    if not names or case.stop():
        return case, opening
    fewer = _with_inputs(case, names, why + "; {0} is taken as an input, which acts from outside")
    posed = fewer.posed()
    if posed is None:
        return case, opening
    again = opened(fewer, *posed)
    kept = [name not in names for name in case.recordings.states]
    before, now = (
        left_shares(each.prepared, each.first, of.recordings)
        for of, each in ((case, opening), (fewer, again))
    )
    helps = np.mean(np.log(now / before[kept])) < np.log(ratio)
    return (fewer, again) if helps and _acts(again, len(names)) else (case, opening)


def _acts(opening: Opening, last: int) -> bool:
    """Whether any of the last inputs is in an equation: else nothing is gained by it."""
    chosen = np.flatnonzero(opening.first.chosen.mask.any(0))
    terms = [opening.prepared.terms[m] for m in chosen]
    count = len(opening.prepared.units.variables)
    return any(holds(term, place) for term in terms for place in range(count - last, count))


def unspoiled(case: Case, model: FoundModel) -> Case | None:
    """The states of which each alone, beside the others as measured, has an equation.

    None where those are all or none of them, or none of them is missed by much.

    Args:
      case: what was searched.
      model: what was found, which misses states.
    """
    recordings, prepared = case.recordings, model.prepared
    states, inputs = recordings.states, recordings.inputs
    whole = all(np.isfinite(part.states).all() for part in recordings.parts)
    if len(states) < 2 or not whole or prepared.problem.wide or prepared.order != 1:
        return None
    if case.said.words & set(states):
        return None
    missed = left_shares(prepared, model.final, recordings) > constants.SPOILED
    good: list[str] = []
    for name in states if missed.any() else ():
        if case.stop():
            return None
        others = [other for other in states if other != name]
        alone = case.with_columns(arranged(recordings, [name], (*inputs, *others)))
        posed = alone.posed()
        if posed is not None and not stages.missed(*stages.first_search(*posed)):
            good.append(name)
    names = [name for name in states if name not in good]
    helped = any(miss and name in good for name, miss in zip(states, missed, strict=True))
    if not names or not helped:
        return None
    return _with_inputs(
        case,
        names,
        "no equation was found for {0}, and as a state it spoils those of the others: it is taken "
        "as an input of theirs",
    )


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
