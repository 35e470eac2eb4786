"""Phase 1: train the circuits of the operations, and measure whether they grok.

`--recipe paper` and `--recipe grok` train every operation from many seeds and write the evidence;
`--recipe library` trains one circuit an operation as well as it can, for the library that ships,
and `--recipe further --beside FILE` does so for the operations beyond the five of the paper.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import jax
import jax.numpy as jnp
from support import command_line, grok_findings, grok_training, written

from nsindy.circuits.recipes import RECIPES
from nsindy.circuits.stacks import load_stacks, save_stacks
from nsindy.runtime import files

CONTROLS = {
    "recipe": {},
    "no decay": {"weight_decay": 0.0},
    "init 1": {"init_scale": 1.0},
}


def parse():
    """Read the command line; what could only fail after the training is an error at once."""
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", choices=list(RECIPES), default="grok", help="(default grok)")
    parser.add_argument(
        "--seeds", type=command_line.positive, default=16, help="runs an operation (default 16)"
    )
    parser.add_argument("--seed0", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument(
        "--epochs", type=command_line.positive, help="instead of the epochs of the recipe"
    )
    parser.add_argument(
        "--threshold",
        type=command_line.number(low=0, open_low=True),
        default=1e-2,
        help="the MSE that both losses have to cross (default 0.01)",
    )
    parser.add_argument(
        "--controls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also train without weight decay, and from initial weights that are not enlarged",
    )
    parser.add_argument("--save", type=Path, help="write the circuits of the first seed to a file")
    parser.add_argument(
        "--beside", type=Path, help="a file whose circuits are written, as they are, before the new"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of summary.json and figure.png (default out/phase1_RECIPE)"
    )
    options = parser.parse_args()
    options.out = options.out or Path("out") / f"phase1_{options.recipe}"
    try:
        files.check_folder(options.out)
        if options.save:
            files.check_folder(options.save.parent)
            if options.save.is_dir():
                raise ValueError(f"--save {options.save} is a folder; give the name of a file")
        options.beside = load_stacks(options.beside) if options.beside else ((), {})
    except ValueError as error:
        parser.error(str(error))
    return options


def main():
    """Train, judge, save."""
    options = parse()
    recipes = RECIPES[options.recipe]
    if options.epochs:
        recipes = {n: dataclasses.replace(r, epochs=options.epochs) for n, r in recipes.items()}
    said = {
        "command": written.command(),
        "recipe": options.recipe,
        "config": {name: dataclasses.asdict(recipe) for name, recipe in recipes.items()},
        "seed0": options.seed0,
        "versions": written.versions(),
        "device": jax.devices()[0].device_kind,
    }
    if options.recipe in ("library", "further"):
        # The normal equations of the polish need the full precision; the file holds float32.
        jax.config.update("jax_enable_x64", True)
        start = time.perf_counter()
        stacks = grok_training.train_library(recipes, options.seed0)
        said |= {"fidelity": grok_training.measure(stacks), "seconds": time.perf_counter() - start}
        for name, row in said["fidelity"].items():
            print(f"{name:12}" + "  ".join(f"{key} {value:.1e}" for key, value in row.items()))
        files.write_json(options.out / "summary.json", said)
    else:
        variants = CONTROLS if options.controls else {"recipe": {}}
        seeds = jnp.arange(options.seed0, options.seed0 + options.seeds)
        stacks, histories, seconds = grok_training.train_evidence(recipes, seeds, variants)
        histories = {name: histories[name] for name in recipes}
        evidence = {
            name: {
                v: grok_findings.judge(told, options.threshold, i) for i, v in enumerate(variants)
            }
            for name, told in histories.items()
        }
        grok_findings.print_table(evidence, options.seeds)
        print(f"compiled in {seconds['compile']:.1f} s, ran in {seconds['run']:.1f} s")
        said |= {"seeds": options.seeds, "threshold": options.threshold, "seconds": seconds}
        grok_findings.plot(options.out / "figure.png", histories, evidence, options, variants)
        files.write_json(options.out / "summary.json", said | {"operations": evidence})
    if options.save:
        said["fidelity"] = grok_training.measure(stacks)
        stacks, said = grok_training.beside(*options.beside, stacks, said)
        save_stacks(options.save, stacks, files.to_json(said))
    print(f"wrote {options.out}" + (f" and {options.save}" if options.save else ""))


if __name__ == "__main__":
    main()
