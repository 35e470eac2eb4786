"""What a person says of the equations of recordings, read for the columns that these have."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from nsindy.discovery.laws.hidden_law import check_law
from nsindy.discovery.laws.law_text import Law, read_laws
from nsindy.discovery.preparation.equal import read_ties
from nsindy.discovery.preparation.known import Names, Physics, read_physics
from nsindy.discovery.preparation.question import Question
from nsindy.recording.check import Recordings

__all__ = ["Mentions", "Said", "read_said"]


class Mentions(NamedTuple):
    """Columns that a table must keep because of what was said.

    Attributes:
      columns: names that stand anywhere; they are not left out.
      equations: states of which an equation was said something; they stay states.
    """

    columns: frozenset[str] = frozenset()
    equations: frozenset[str] = frozenset()


class Said(NamedTuple):
    """What a person says.

    Attributes:
      physics: what is known of the equations.
      laws: systems of equations to test.
      texts: all of it as it was written.
    """

    physics: Physics
    laws: list[Law]
    texts: tuple[str, ...]

    def mentions(self, states: Sequence[str]) -> Mentions:
        """What it names, of the states of recordings of first order."""
        rows = {row for law in self.laws for row in law.rows} | self.physics.rows
        return Mentions(self.words, frozenset(states[row] for row in rows))

    @property
    def words(self) -> frozenset[str]:
        """All names that stand in it."""
        return frozenset(word for text in self.texts for word in re.findall(r"[^\W\d]\w*", text))


def read_said(question: Question, recordings: Recordings) -> Said:
    """Read what a question says of the equations.

    Raises:
      ValueError: a part of it cannot be read, with the column and the fix, or two of them
        contradict each other.
    """
    states = (*recordings.states, *question.hidden_names)
    if len({*states, *recordings.inputs}) < len(states) + len(recordings.inputs):
        raise ValueError(
            f"the hidden state would have the name of a column, {states[-1]}; give it another"
        )
    names = Names.of(states, recordings.inputs, question.order, question.rows)
    physics = read_physics(question.know, question.free, question.sign, names)
    physics = read_ties(question.equal, physics, names)
    given = question.know, question.free, question.sign, question.equal, question.law
    texts = tuple(text for each in given for text in each)
    laws = read_laws(question.law, names)
    for law in laws if question.hidden_names else ():
        check_law(law, states, states[-1])
    return Said(physics, laws, texts)
