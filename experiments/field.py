"""Recordings as people have them: how often the answer is right, wrong, or says that it is none."""

import argparse
import re
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from support import command_line, experiment, outcomes, written
from support.field_kinds import KINDS, Case, Truth
from support.simulated import NORMAL_90, terms_of

import nsindy
from nsindy.result.discovery import Discovery
from nsindy.runtime import files

NUMBER_IN_TIME = re.compile(r"(?<=\()[\d.e+-]+(?= t\))|(?<=step\(t - )[\d.e+-]+")


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=command_line.positive, default=5, help="recordings of each kind")
    add("--kinds", nargs="+", metavar="WORD", help="only kinds whose name holds one of these")
    add("--out", default="out/field", help="folder of summary.json and figure.png")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every kind, each line printed as it comes."""
    out = files.check_folder(options.out)
    chosen = outcomes.named(KINDS, options.kinds) if options.kinds else KINDS
    experiment.start()
    rows: list[dict[str, Any]] = []
    for kind in chosen:
        number = KINDS.index(kind)
        cases = [kind.make(np.random.default_rng([number, s])) for s in range(options.seeds)]
        answerable = cases[0].truth is not None
        rows.append({"kind": kind.name, "answerable": answerable} | counted(map(answer, cases)))
        row = rows[-1]
        print(
            f"{outcomes.summary_line(f'{kind.name:<38}', row)}; "
            f"in 90 % intervals {row['inside']}/{row['intervals']}; "
            f"false terms {row['false_terms']}/{row['terms']}; slowest {row['slowest']:.0f} s",
            flush=True,
        )
    written.write_rows(
        out,
        rows,
        labels=[row["kind"] for row in rows if row["answerable"]],
        drawn=[row for row in rows if row["answerable"]],
        title="Recordings as people have them: the true terms found, where there are any",
        what={"what": "all equations right (% of recordings, 95 % interval)"},
    )


def answer(case: Case) -> dict[str, Any]:
    """What nsindy answers, and how it stands to what is right.

    "right": the true terms. "said": no equation, or a warning or a refusal, where there is none or
    another. "wrong": another equation, with no warning.
    """
    began = time.process_time()
    try:
        found = nsindy.discover(*case.arguments, **case.knobs)
    except ValueError as error:
        # What a person is told has words of this package; an error inside it is wrong.
        refused = "recording" in str(error)
        return _told("said" if refused else "wrong", began, said=str(error))
    right = case.truth is not None and _without_numbers(terms_of(found)) == case.truth
    careful = found.verdict != "equation" or bool(found.warnings)
    told = _told("right" if right else "said" if careful else "wrong", began, said=str(found))
    return told | _judged(found, case)


def _without_numbers(terms: Truth) -> Truth:
    """The terms with # in place of the numbers of waves and steps of the time."""
    return tuple(frozenset(NUMBER_IN_TIME.sub("#", term) for term in each) for each in terms)


def _told(outcome: str, began: float, *, said: str) -> dict[str, Any]:
    seconds = time.process_time() - began
    counts = {"inside": 0, "intervals": 0, "false_terms": 0, "terms": 0}
    return {"outcome": outcome, "seconds": seconds, "said": said, **counts}


def _judged(found: Discovery, case: Case) -> dict[str, int]:
    """True coefficients inside their intervals, and terms that are not true."""
    inside = intervals = 0
    for (state, term), value in case.values.items():
        if state not in found.states or term not in found.terms:
            continue
        place = found.states.index(state), found.terms.index(term)
        if found.coefficients[place] != 0:
            error = NORMAL_90 * found.standard_errors[place]
            intervals += 1
            inside += int(abs(found.coefficients[place] - value) <= error)
    every = _without_numbers(terms_of(found))
    truth = case.truth or every
    false = sum(len(mine - true) for mine, true in zip(every, truth, strict=False))
    terms = sum(map(len, every)) if case.truth else 0
    return {"inside": inside, "intervals": intervals, "false_terms": false, "terms": terms}


def counted(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How many are right, with the interval, and the other counts."""
    answers = list(found)
    sums = {
        name: sum(each[name] for each in answers)
        for name in ("inside", "intervals", "false_terms", "terms")
    }
    return {
        **outcomes.counted(answers),
        "slowest": max(each["seconds"] for each in answers),
        **sums,
    }


if __name__ == "__main__":
    main()
