"""Inputs and two states in bent terms: how often valves, enzymes, drugs and heat are found.

Numbers, inputs and noise are drawn for every seed. An answer is right if every equation holds the
true terms and no other, whatever their numbers.
"""

import argparse
import time
from typing import Any

import numpy as np
from support import command_line, experiment, outcomes, written
from support.driven_systems import BENDS, SYSTEMS, System, along_held, without_numbers
from support.simulated import terms_of

import nsindy
from nsindy.runtime import files


def main() -> None:
    """Parse, discover, count, write summary and figure."""
    options = outcomes.options(__doc__, "driven", noise=(0.005, 0.02), of="each state's")
    one = "one of these; dead zones, limits and other bends only where they are named"
    options.add_argument("--systems", nargs="+", metavar="WORD", help=f"whose name holds {one}")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Every system with every noise, each line printed as it comes."""
    every = (*SYSTEMS, *BENDS)
    chosen = outcomes.named(every, options.systems) if options.systems else SYSTEMS
    out = files.check_folder(options.out)
    experiment.start()
    rows: list[dict[str, Any]] = []
    for system in chosen:
        number = every.index(system)
        for noise in options.noise:
            found = [answer(system, noise, [number, seed]) for seed in range(options.seeds)]
            seconds = float(np.median([each["seconds"] for each in found]))
            row = {"system": system.name, "noise": noise, "seconds": seconds}
            rows.append(row | outcomes.counted(found))
            name = f"{system.name:<26}{noise:6.1%}"
            print(f"{outcomes.summary_line(name, rows[-1])}; {seconds:.0f} s", flush=True)
    written.write_rows(
        out,
        rows,
        labels=[f"{row['system']}, noise {row['noise']:.1%}" for row in rows],
        title="Inputs and two states in bent terms",
        what={"what": "exact terms (%, 95 % interval)"},
    )


def answer(system: System, noise: float, seed: list[int]) -> dict[str, Any]:
    """What is found, and its outcome."""
    rng = np.random.default_rng(seed)
    draw = system.draw(rng)
    clean = [
        along_held(draw.field, draw.times, start, u)
        for start, u in zip(draw.starts, draw.inputs, strict=True)
    ]
    size = noise * np.concatenate(clean).std(0)
    states = [x + size * rng.standard_normal(x.shape) for x in clean]
    began = time.process_time()
    found = nsindy.discover(
        [draw.times] * len(states),
        states,
        inputs=list(draw.inputs) if system.driven else None,
        states=system.states,
        input_names=[system.driven] if system.driven else None,
    )
    seconds = time.process_time() - began
    outcome = outcomes.outcome(found, right=without_numbers(terms_of(found)) == system.terms)
    return {"outcome": outcome, "seconds": seconds, "said": str(found)}


if __name__ == "__main__":
    main()
