"""Studies of whole answers: right, said to be an approximation, or wrong."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from nsindy.paper import metrics
from nsindy.result.discovery import Discovery
from support import command_line

One = TypeVar("One", bound=Any)


def options(said: str | None, out: str, *, noise: Sequence[float], of: str) -> command_line.Parser:
    """Options of a study of systems whose numbers are drawn.

    Args:
      said: what the study does.
      out: name of the folder of its results.
      noise: shares of a standard deviation, unless others are given.
      of: whose standard deviation.
    """
    parser = command_line.Parser(
        description=said, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=command_line.positive, default=8, help="draws of numbers and noise")
    share = command_line.number(low=0)
    shares = f"standard deviations of the noise, as shares of {of}"
    add("--noise", type=share, nargs="+", default=list(noise), help=shares)
    add("--out", default=f"out/{out}", help="folder of summary.json and figure.png")
    return parser


def named(every: Sequence[One], words: Sequence[str]) -> list[One]:
    """Those of which a word is in the name.

    Raises:
      ValueError: there is none.
    """
    chosen = [each for each in every if any(word in each.name for word in words)]
    if not chosen:
        raise ValueError(f"no name holds {', '.join(words)}")
    return chosen


def outcome(found: Discovery, *, right: bool) -> str:
    """An answer is "right", "said" where it is called an approximation, or "wrong"."""
    return "right" if right else "wrong" if found.verdict == "equation" else "said"


def counted(answers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How many answers are right, with the interval, said so, and wrong, and what they are."""
    every = list(answers)
    outcomes = [each["outcome"] for each in every]
    return {
        **metrics.recovery(outcomes.count("right"), len(every)),
        "said": outcomes.count("said"),
        "wrong": outcomes.count("wrong"),
        "answers": [each["said"] for each in every],
    }


def summary_line(name: str, row: dict[str, Any]) -> str:
    """How the answers of a row came out."""
    return (
        f"{name} right {row['recovery_count']}, said so {row['said']}, "
        f"wrong {row['wrong']} of {row['seeds']}"
    )
