"""States that are none: something outside drives them, and they drive the others.

A torque, a current or the weather beside the states of a system has no equation among them. As a
state it spoils the equations of the others, which are simulated from its wrong one. So where
equations miss a recording, what is no function of the columns becomes an input; and where that does
not help, whatever has no equation though others, each alone beside measured columns, have one.
"""

from collections.abc import Sequence

import numpy as np

from nsindy.discovery import constants, diagnosis, stages, wide_table
from nsindy.discovery.models import FoundModel
from nsindy.discovery.opening import Opening, Posed, opened
from nsindy.discovery.problem import Prepared
from nsindy.discovery.search import Found
from nsindy.recording.arrange import arranged, as_inputs

__all__ = ["from_outside", "unspoiled"]


def from_outside(posed: Posed, opening: Opening) -> tuple[Posed, Opening]:
    """The same, or a search with what is no function of the columns as an input of the others.

    Args:
      posed: what is searched.
      opening: its search on the first part.
    """
    names = _of_no_function(posed, opening)
    if not names or posed.stop():
        return posed, opening
    fewer = _with_inputs(
        posed,
        names,
        "{0}' is no function of the columns: the same values go on in different ways; {0} is taken "
        "as an input, which acts from outside",
    )
    again = opened(fewer, *fewer.usual())
    kept = [name not in names for name in posed.recordings.states]
    before, now = (_left(o.prepared, o.first) for o in (opening, again))
    helps = np.all(now <= constants.SPOILS * before[kept])
    return (fewer, again) if helps else (posed, opening)


def unspoiled(posed: Posed, model: FoundModel) -> Posed | None:
    """The states of which each alone, beside the others as measured, has an equation.

    None where those are all or none of them, or none of them is missed by much.

    Args:
      posed: what was searched.
      model: what was found, which misses states.
    """
    recordings, prepared = posed.recordings, model.prepared
    states, inputs = recordings.states, recordings.inputs
    whole = all(np.isfinite(part.states).all() for part in recordings.parts)
    if len(states) < 2 or not whole or prepared.problem.wide or prepared.order != 1:
        return None
    missed = _left(prepared, model.final) > constants.SPOILED * _spread(posed)
    good: list[str] = []
    for name in states if missed.any() else ():
        if posed.stop():
            return None
        others = [other for other in states if other != name]
        alone = posed.with_columns(arranged(recordings, [name], (*inputs, *others)))
        if not stages.missed(*stages.first_search(*alone.usual())):
            good.append(name)
    names = [name for name in states if name not in good]
    helped = any(miss and name in good for name, miss in zip(states, missed, strict=True))
    if not names or not helped or posed.said.words & set(names):
        return None
    return _with_inputs(
        posed,
        names,
        "no equation was found for {0}, and as a state it spoils those of the others: it is taken "
        "as an input of theirs",
    )


def _of_no_function(posed: Posed, opening: Opening) -> list[str]:
    """States that are missed, and whose changes no function of the columns gives."""
    prepared, first, states = opening.prepared, opening.first, posed.recordings.states
    if len(states) < 2 or prepared.problem.wide or not stages.missed(prepared, first):
        return []
    count = len(prepared.units.states)
    rows = range(count - len(states), count)
    elsewhere, here = (share[rows.start :] for share in wide_table.explained(prepared))
    longest = max(prepared.signals, key=lambda signal: len(signal.times))
    apart = np.nan_to_num(diagnosis.changes_apart(longest, rows))
    # Of many columns no two passages are near. What is well explained, and missed by far all the
    # same, is driven by what is not.
    spoiled = _left(prepared, first) > constants.SPOILED_FAR * _spread(posed)
    certain = (here < constants.EXPLAINED_HERE) & np.any(spoiled & (elsewhere > constants.OUTSIDE))
    none = (elsewhere < constants.EXPLAINED) & (here < constants.OUTSIDE)
    none &= certain | (apart > constants.OUTSIDE_APART)
    found = [
        name
        for name, outside in zip(states, none, strict=True)
        if outside and name not in posed.said.words
    ]
    return found if len(found) < len(states) else []


def _with_inputs(posed: Posed, names: Sequence[str], why: str) -> Posed:
    """What is searched with these states as inputs, and a note for each."""
    recordings = as_inputs(posed.recordings, names)
    keep = '; --free "{0}\' : 1, {0}" keeps it a state'
    notes = [(why + keep).format(name) for name in names]
    return posed.with_columns(recordings._replace(notes=(*recordings.notes, *notes)))


def _left(prepared: Prepared, found: Found) -> np.ndarray:
    """Standard deviation of what a search leaves of the measured states [d]."""
    measured = prepared.parts[0].states.shape[1]
    return (found.noise * prepared.units.states)[:measured]


def _spread(posed: Posed) -> np.ndarray:
    return np.nanstd(np.concatenate([part.states for part in posed.recordings.parts]), 0)
