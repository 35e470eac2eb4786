"""Systems drawn from a prior over forms: how often the answer is right, and what a wrong one says.

Constants of the discovery are chosen here, on systems that no other table holds: --set changes one
for a run. What was finished is kept in --out, and the same command goes on with it.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

from support import command_line, experiment, prior_systems, written
from support.markdown import rate, table
from support.rational_answers import discovered
from support.rational_systems import Recording, System, record

from nsindy.discovery import constants
from nsindy.paper import metrics
from nsindy.runtime import files


def main() -> None:
    """Parse, draw, discover, judge, print the table, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--systems", type=command_line.positive, default=24, help="of each class")
    add("--every", type=command_line.positive, default=1, help="rows from one that is kept to next")
    add("--seed", type=command_line.at_least(0), default=0, help="of the draws")
    share = command_line.number(low=0)
    shares = "standard deviations of the noise, as shares of each state's"
    add("--noise", type=share, nargs="+", default=[0.0, 0.005, 0.02], help=shares)
    every = prior_systems.CLASSES
    add("--classes", nargs="+", choices=every, default=list(every), help="of systems")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="constants to change")
    add("--out", default="out/prior", help="folder of summary.json, figure.png and cases/")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every class with every noise, each line printed as it comes."""
    for text in options.set:
        set_constant(text)
    out = files.check_folder(options.out)
    experiment.start()
    # Answers with other constants are others.
    cases = out / "cases" / ("_".join(sorted(options.set)) or "as_they_are")
    cases = cases / f"every_{options.every}" if options.every > 1 else cases
    rows = []
    for kind in options.classes:
        drawn = prior_systems.drawn_systems(options.seed, kind)
        systems = list(itertools.islice(drawn, options.systems))
        for noise in options.noise:
            found = [kept(cases, system, noise, options.seed, options.every) for system in systems]
            rows.append(counted(kind, noise, found))
    shown = [{"label": f"{r['case']}, noise {r['sigma']:.1%}"} | r for r in rows]
    title = f"{options.systems} systems of each class, drawn from a prior over forms"
    what = {"what": "all equations exact (% of systems, 95 % interval)"}
    labels = [row["label"] for row in shown]
    written.write_rows(out, rows, drawn=shown, labels=labels, title=title, what=what)
    print(table(HEAD, list(map(cells, rows))))


def set_constant(text: str) -> None:
    """Change a constant of the discovery, NAME=VALUE.

    Raises:
      ValueError: there is no such constant, or it is no number.
    """
    name, _, value = text.partition("=")
    old = getattr(constants, name, None)
    if not isinstance(old, int | float):
        raise ValueError(f"--set {text}: no constant of the discovery that is a number is {name}")
    setattr(constants, name, type(old)(float(value)))


def kept(cases: Path, system: System, noise: float, seed: int, every: int) -> dict[str, Any]:
    """What is found, from its file where it was finished before."""
    path = cases / f"{system.name.replace(' ', '_')}_{noise:g}_{seed}.json"
    equations = {"equations": list(system.equations)}
    found = written.once(
        path, lambda: equations | discovered(system, thinned(record(system, noise, seed), every))
    )
    print(
        f"{system.name:<16}{noise:>6.1%}  exact {found['exact']!s:<6}{found['verdict']:<14}"
        f"{found['seconds']:.1f} s",
        flush=True,
    )
    return found


def thinned(recording: Recording, every: int) -> Recording:
    """Every so many rows of each recording."""
    times, states, clean = (
        [values[::every] for values in each]
        for each in (recording.times, recording.states, recording.clean)
    )
    return Recording(times, states, clean, recording.numbers)


def counted(kind: str, noise: float, found: list[dict[str, Any]]) -> dict[str, Any]:
    """How many are right, with the interval, and what the others say."""
    wrong = [each for each in found if not each["exact"]]
    called = [each for each in wrong if each["verdict"] == "equation"]
    return {
        "case": kind,
        "sigma": noise,
        **metrics.recovery(len(found) - len(wrong), len(found)),
        "inside": sum(each["inside"] for each in found),
        "intervals": sum(each["intervals"] for each in found),
        "doubted": sum(each["exact"] and each["verdict"] != "equation" for each in found),
        "called": len(called),
        "unwarned": sum(not each["warnings"] for each in called),
        "seconds": sum(each["seconds"] for each in found) / len(found),
    }


HEAD = (
    "class",
    "noise",
    "exact",
    "in 90 % intervals",
    "exact, called approximation",
    "wrong, called equation",
    "of these without a warning",
    "mean s",
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table."""
    return [
        row["case"],
        f"{row['sigma']:.1%}",
        rate(row),
        f"{row['inside']}/{row['intervals']}",
        str(row["doubted"]),
        str(row["called"]),
        str(row["unwarned"]),
        f"{row['seconds']:.1f}",
    ]


if __name__ == "__main__":
    main()
