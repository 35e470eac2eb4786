"""Numbers inside terms, as x/(K + x) and exp(k x): the true form, the numbers, and their intervals.

Systems whose numbers are drawn for every seed. What was finished is kept in --out, and the
same command goes on with it.
"""

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers import sindy_pi
from support import command_line, experiment, outcomes, rational_form, written
from support.markdown import percent, rate, table
from support.rational_answers import ERRORS, discovered, judged
from support.rational_figure import picture
from support.rational_systems import GLYCOLYSIS, QUOTIENTS, SYSTEMS, Recording, System, record

from nsindy.paper import figures, metrics
from nsindy.runtime import files

VERDICTS = ("equation", "approximation", "none")


def main() -> None:
    """Parse, discover, judge, print the table, write summary and figure."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--seeds", type=command_line.positive, default=16, help="draws of numbers and noise")
    add("--seed0", type=command_line.at_least(0), default=0, help="the first seed")
    share = command_line.number(low=0)
    shares = "standard deviations of the noise, as shares of each state's"
    add("--noise", type=share, nargs="+", default=[0.0, 0.005, 0.02], help=shares)
    one = "one of these; an orbit, a bubble and an elastic pendulum only where they are named"
    add("--systems", nargs="+", metavar="WORD", help=f"only those whose name holds {one}")
    add("--glycolysis", action="store_true", help="seven states of yeast as well")
    peers = (
        "PySINDy's SINDy-PI as well, from this folder if it is not installed; where it can write"
    )
    add("--peers", metavar="DIR", help=f"{peers} the equations")
    add("--out", default="out/rational", help="folder for summary.json, figure.png and cases/")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every noise and method, each line printed as it comes."""
    every = (*SYSTEMS, GLYCOLYSIS) if options.glycolysis else SYSTEMS
    chosen = outcomes.named((*every, *QUOTIENTS), options.systems) if options.systems else every
    if options.peers:
        sindy_pi.prepare(options.peers)
    out = files.check_folder(options.out)
    experiment.start()
    rows = []
    for system in chosen:
        for noise in options.noise:
            for method in ("nsindy", "SINDy-PI"):
                if method == "nsindy" or (options.peers and system.rational):
                    seeds = range(options.seed0, options.seed0 + options.seeds)
                    found = [kept(out, system, noise, seed, method) for seed in seeds]
                    rows.append(counted(system, noise, method, found))
    files.write_json(out / "summary.json", {**written.origin(), "rows": rows})
    figures.save_figure(picture(rows), out / "figure.png")
    print(table(HEAD, list(map(cells, rows))))
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")


def kept(out: Path, system: System, noise: float, seed: int, method: str) -> dict[str, Any]:
    """What a method finds, from its file where it was finished before."""
    name = re.sub(r"[^A-Za-z0-9.]+", "_", f"{system.name} {noise:g} {seed} {method}")
    path = out / "cases" / f"{name}.json"
    answer = discovered if method == "nsindy" else peer
    found = written.once(path, lambda: {"seed": seed} | answer(system, record(system, noise, seed)))
    print(
        f"{system.name:<32}{noise:>6.1%} seed {seed:<3} {method:<9}"
        f"exact {found['exact']!s:<6}{found['verdict']:<14}{found['seconds']:.1f} s",
        flush=True,
    )
    return found


def peer(system: System, recording: Recording) -> dict[str, Any]:
    """What SINDy-PI finds, judged; it says neither errors nor whether it is an equation."""
    began = time.process_time()
    found = sindy_pi.fitted(recording.times, recording.states, system.states)
    seconds = time.process_time() - began
    states = rational_form.symbols(system.states, np.concatenate(recording.clean))
    equations = [rational_form.free_equation(each, states) for each in found]
    said = "\n".join(f"{s}' = {e}" for s, e in zip(system.states, found, strict=True))
    answer = judged(system, recording, equations)
    return answer | {"verdict": "", "seconds": seconds, "said": said}


def counted(
    system: System, noise: float, method: str, found: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """How many are right, with the interval, and the other counts."""
    seconds = [each["seconds"] for each in found]
    verdicts = [each["verdict"] for each in found]
    wrong = [each["verdict"] == "equation" and not each["exact"] for each in found]
    return {
        "case": system.name,
        "sigma": noise,
        "method": method,
        **metrics.recovery(sum(each["exact"] for each in found), len(found)),
        "forms": sum(sum(each["forms"]) for each in found),
        "equations": len(system.equations) * len(found),
        "right_numbers": sum(each["right"] for each in found),
        "inside": sum(each["inside"] for each in found),
        "intervals": sum(each["intervals"] for each in found),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in VERDICTS},
        "wrong_equations": sum(wrong),
        "median_seconds": float(np.median(seconds)),
        "longest_seconds": float(np.max(seconds)),
    }


HEAD = (
    "system",
    "noise",
    "method",
    "exact form",
    "equations",
    f"numbers within {ERRORS:g} errors",
    "in 90 % intervals",
    "/".join(VERDICTS),
    "said equation, wrong",
    "median s",
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table; what a peer does not say is empty."""
    own = row["method"] == "nsindy"
    inside = f"{row['inside']}/{row['intervals']}"
    if row["intervals"]:
        low, high = metrics.rate_interval(row["inside"], row["intervals"])
        inside += f" ({percent(low)}–{percent(high)} %)"
    return [
        row["case"],
        f"{row['sigma']:.1%}",
        row["method"],
        rate(row),
        f"{row['forms']}/{row['equations']}",
        f"{row['right_numbers']}/{row['recovery_count']}" if own else "",
        inside if own else "",
        "/".join(str(row["verdicts"][verdict]) for verdict in VERDICTS) if own else "",
        str(row["wrong_equations"]) if own else "",
        f"{row['median_seconds']:.1f}",
    ]


if __name__ == "__main__":
    main()
