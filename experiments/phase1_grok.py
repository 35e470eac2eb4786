"""Phase 1: train the circuits of the operations, and measure whether they grok.

`--recipe paper` and `--recipe grok` train every operation from many seeds and write the evidence;
`--recipe library` trains one circuit an operation as well as it can, for the library that ships,
and `--recipe further --beside FILE` does so for the operations beyond the five of the paper.
"""

import argparse
import dataclasses
import functools
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, grok_findings, written

from nsindy.circuits import polish, training
from nsindy.circuits import stacks as circuits_stacks
from nsindy.circuits.recipes import RECIPES
from nsindy.runtime import files
from nsindy.terms.operations import PAPER, PRIMITIVES

FRESH_POINTS = 20_000
ORDER = [*sorted(PAPER), *(name for name in PRIMITIVES if name not in PAPER)]
CONTROLS = {
    "recipe": {},
    "no decay": {"weight_decay": 0.0},
    "init 1": {"init_scale": 1.0},
}


def parse():
    """Read the command line, and refuse what could only fail after the training."""
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
        options.beside = circuits_stacks.load(options.beside) if options.beside else ((), {})
    except ValueError as error:
        parser.error(str(error))
    return options


def draw(names, recipes, seeds, dtype=jnp.float32):
    """Keys and points of every operation of a group and every seed, [P, S, ...]."""

    def one(name):
        def of_seed(seed):
            key = jax.random.fold_in(jax.random.key(seed), ORDER.index(name))
            train_key, data_key = jax.random.split(key)
            return train_key, training.draw(data_key, PRIMITIVES[name], recipes[name], dtype)

        return jax.vmap(of_seed)(seeds)

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one(name) for name in names))


def stack_knobs(recipes):
    """Knobs of several recipes, every entry [P]."""
    return jax.tree.map(lambda *leaves: jnp.array(leaves), *map(training.knobs, recipes))


def train_evidence(recipes, seeds, variants):
    """Train every operation, variant and seed.

    Returns the stacks of the first seed, for every operation its history {field: [C, S, R]} with
    the variance of its target, and the seconds of compilation and of running.
    """
    stacks, histories, seconds = [], {}, {"compile": 0.0, "run": 0.0}
    for names in training.groups(recipes):
        mine = [recipes[name] for name in names]
        keys, data = draw(names, recipes, seeds)
        knobs = [
            stack_knobs([dataclasses.replace(recipe, **change) for recipe in mine])
            for change in variants.values()
        ]
        knobs = jax.tree.map(lambda *leaves: jnp.stack(leaves), *knobs)
        train = functools.partial(
            training.train, network=mine[0].network, epochs=max(r.epochs for r in mine)
        )
        over_seeds = jax.vmap(train, (0, 0, None))
        over_operations = jax.vmap(over_seeds)
        over_variants = jax.jit(jax.vmap(over_operations, (None, None, 0)))
        start = time.perf_counter()
        compiled = over_variants.lower(keys, data, knobs).compile()
        seconds["compile"] += time.perf_counter() - start
        start = time.perf_counter()
        params, history = jax.block_until_ready(compiled(keys, data, knobs))
        seconds["run"] += time.perf_counter() - start
        first = jax.tree.map(lambda leaf: leaf[0, :, 0], params)
        stacks.append(circuits_stacks.Stack(declared(names, recipes), mine[0].network, first))
        for row, (name, recipe) in enumerate(zip(names, mine, strict=True)):
            told = {f: np.asarray(leaf[:, row]) for f, leaf in history._asdict().items()}
            kept = told["epoch"][0, 0] <= recipe.epochs
            histories[name] = {f: leaf[..., kept] for f, leaf in told.items()}
            histories[name]["variance"] = np.asarray(jnp.var(data.validation_targets[row], axis=1))
    return tuple(stacks), histories, seconds


def declared(names, recipes):
    """The primitives of a group, with the domain that their circuits were trained on."""
    return tuple(
        PRIMITIVES[name]
        if recipes[name].half_width is None
        else dataclasses.replace(PRIMITIVES[name], domain=recipes[name].drawn(PRIMITIVES[name]))
        for name in names
    )


def refine_one(circuit, recipe):
    """Polish one circuit, given as (parameters, inputs, targets)."""
    params, _ = polish.levenberg_marquardt(*circuit, network=recipe.network, steps=recipe.polish)
    return params


def train_library(recipes, seed):
    """Train one circuit an operation on scaled data, polish it, and fold the scales in."""
    stacks = []
    for names in training.groups(recipes):
        mine = [recipes[name] for name in names]
        seeded = draw(names, recipes, jnp.array([seed]), jnp.float64)
        keys, data = jax.tree.map(lambda leaf: leaf[:, 0], seeded)
        drawn = [recipes[name].drawn(PRIMITIVES[name]) for name in names]
        low, high = jnp.array(drawn).T
        centre, width = (low + high) / 2, (high - low) / 2
        scale = jnp.std(data.targets, axis=1)
        data = training.Data(
            (data.inputs - centre[:, None, None]) / width[:, None, None],
            data.targets / scale[:, None],
            (data.validation_inputs - centre[:, None, None]) / width[:, None, None],
            data.validation_targets / scale[:, None],
        )
        train = functools.partial(
            training.train, network=mine[0].network, epochs=max(r.epochs for r in mine)
        )
        params, _ = jax.vmap(train)(keys, data, stack_knobs(mine))
        refine = functools.partial(refine_one, recipe=mine[0])
        params = jax.lax.map(refine, (params, data.inputs, data.targets))
        params = jax.vmap(polish.fold)(params, width, scale, centre)
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
        operations = tuple(PRIMITIVES[name] for name in names)
        stacks.append(circuits_stacks.Stack(operations, mine[0].network, params))
    return tuple(stacks)


def measure(stacks):
    """Fidelity of every circuit on fresh points of its domain, and of its part in [-1, 1]."""
    table = {}
    for stack in stacks:
        for row, primitive in enumerate(stack.primitives):
            params = jax.tree.map(lambda leaf, row=row: leaf[row], stack.params)
            low, high = primitive.domain
            key = jax.random.key(2**31 + ORDER.index(primitive.name))
            unit = jax.random.uniform(key, (FRESH_POINTS, primitive.arity))
            compare = functools.partial(training.fidelity, stack.network, params, primitive)
            inner_low, inner_high = max(low, -1.0), min(high, 1.0)
            inner = compare(inner_low + (inner_high - inner_low) * unit)["max_error"]
            table[primitive.name] = compare(low + (high - low) * unit) | {"max_error_inner": inner}
    return table


def beside(kept, told, stacks, said):
    """Put new stacks behind those that are kept, and what they say of themselves beside it."""
    if not kept:
        return stacks, said
    kept = tuple(s for s in kept if not {p.name for p in s.primitives} & set(said["config"]))
    together = {name: told[name] | said[name] for name in ("config", "fidelity")}
    rest = {name: value for name, value in said.items() if name not in together}
    return (*kept, *stacks), told | together | {said["recipe"]: rest}


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
        stacks = train_library(recipes, options.seed0)
        said |= {"fidelity": measure(stacks), "seconds": time.perf_counter() - start}
        for name, row in said["fidelity"].items():
            print(f"{name:12}" + "  ".join(f"{key} {value:.1e}" for key, value in row.items()))
        files.write_json(options.out / "summary.json", said)
    else:
        variants = CONTROLS if options.controls else {"recipe": {}}
        seeds = jnp.arange(options.seed0, options.seed0 + options.seeds)
        stacks, histories, seconds = train_evidence(recipes, seeds, variants)
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
        said["fidelity"] = measure(stacks)
        stacks, said = beside(*options.beside, stacks, said)
        circuits_stacks.save(options.save, stacks, files.to_json(said))
    print(f"wrote {options.out}" + (f" and {options.save}" if options.save else ""))


if __name__ == "__main__":
    main()
