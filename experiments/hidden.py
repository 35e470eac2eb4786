"""One state of two not measured: how often both equations are right in some coordinate of it.

A coordinate of the hidden state is a choice, so equations are right where they give the true second
derivative of the measured state: the same products of it and its first derivative.
"""

import argparse
import time
from typing import Any

import numpy as np
from support import command_line, experiment, outcomes, written
from support.hidden_systems import SYSTEMS, H, System, Y, record, right_hand_sides, second_order
from support.simulated import NORMAL_90

import nsindy
from nsindy.result.discovery import Discovery
from nsindy.runtime import files


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    noise = 0.0, 0.005, 0.02
    options = outcomes.options(__doc__, "hidden", noise=noise, of="the measured state's")
    add = options.add_argument
    add("--systems", nargs="+", metavar="WORD", help="only those whose name holds one of these")
    add("--laws", action="store_true", help="fit the numbers of the true equations as well")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every noise, each line printed as it comes."""
    out = files.check_folder(options.out)
    chosen = outcomes.named(SYSTEMS, options.systems) if options.systems else SYSTEMS
    experiment.start()
    rows: list[dict[str, Any]] = []
    for system in chosen:
        number = SYSTEMS.index(system)
        for noise in options.noise:
            found = [
                answer(system, noise, [number, seed], laws=options.laws)
                for seed in range(options.seeds)
            ]
            rows.append({"system": system.name, "noise": noise} | counted(found))
            row = rows[-1]
            print(
                f"{outcomes.summary_line(f'{system.name:<32} {noise:6.1%}', row)}; numbers of the "
                f"law in 90 % intervals {row['inside']}/{row['intervals']}; "
                f"{row['seconds']:.0f} s",
                flush=True,
            )
    written.write_rows(
        out,
        rows,
        labels=[f"{row['system']}, noise {row['noise']:.1%}" for row in rows],
        title="One state of two not measured",
        what={"what": "right up to the coordinate of the hidden state (%, 95 % interval)"},
    )


def answer(system: System, noise: float, seed: list[int], *, laws: bool) -> dict[str, Any]:
    """What is found, its outcome, and how the numbers of a law stand to the true ones."""
    draws = np.random.default_rng(seed)
    numbers = system.draw(draws)
    t, clean, u = record(system, numbers, draws)
    y = clean + noise * clean.std() * draws.normal(size=clean.shape)
    began = time.process_time()
    law = (system.law,) if laws else ()
    names = [name for name, *_ in system.inputs]
    driven: dict[str, Any] = {"inputs": u, "input_names": names} if names else {}
    found = nsindy.discover(t, y, states=["y"], hidden="h", law=law, **driven)
    seconds = time.process_time() - began
    truth = second_order(*right_hand_sides(system, numbers))
    right = truth == second_order(*(e.subs({"y": Y, "h": H}) for e in found.to_sympy()))
    outcome = outcomes.outcome(found, right=right)
    told = {"outcome": outcome, "seconds": seconds, "said": str(found), "numbers": numbers}
    return told | judged(found, system, numbers)


def judged(found: Discovery, system: System, numbers: dict[str, float]) -> dict[str, int]:
    """How many numbers of a law have an interval, and how many are in it."""
    inside = intervals = 0
    for law in found.laws[1:]:
        for name, value, error in zip(law.names, law.values, law.errors, strict=True):
            if np.isfinite(error) and name not in system.scale:
                intervals += 1
                inside += int(abs(value - numbers[name]) <= NORMAL_90 * error)
    return {"inside": inside, "intervals": intervals}


def counted(found: list[dict[str, Any]]) -> dict[str, Any]:
    """How many are right, with the interval, and the other counts."""
    return {
        **outcomes.counted(found),
        "inside": sum(each["inside"] for each in found),
        "intervals": sum(each["intervals"] for each in found),
        "seconds": float(np.median([each["seconds"] for each in found])),
    }


if __name__ == "__main__":
    main()
