"""Phase 1's training: circuits of many seeds side by side, and those of the shipped library."""

import dataclasses
import functools
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.circuits import polish, training
from nsindy.circuits import stacks as circuits_stacks
from nsindy.terms.operations import PAPER, PRIMITIVES

FRESH_POINTS = 20_000
"""Points that a circuit's fidelity is measured on."""
ORDER = [*sorted(PAPER), *(name for name in PRIMITIVES if name not in PAPER)]
"""Operations, by which their keys are numbered."""


class Trained(NamedTuple):
    """Circuits of many seeds.

    Attributes:
      stacks: the circuits of the first seed, under the first variant.
      histories: of every operation, fields of `training.History` [C, S, R] and the variance of its
        target [S].
      seconds: of compilation and of running.
    """

    stacks: tuple[Any, ...]
    histories: dict[str, dict[str, np.ndarray]]
    seconds: dict[str, float]


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
    """Train every operation of the recipes under every variant and from every seed.

    Args:
      recipes: by the name of the operation.
      seeds: [S].
      variants: C changes of the recipes, by name.
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
            training.train_circuit, network=mine[0].network, epochs=max(r.epochs for r in mine)
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
    return Trained(tuple(stacks), histories, seconds)


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
        data = training.TrainingData(
            (data.inputs - centre[:, None, None]) / width[:, None, None],
            data.targets / scale[:, None],
            (data.validation_inputs - centre[:, None, None]) / width[:, None, None],
            data.validation_targets / scale[:, None],
        )
        train = functools.partial(
            training.train_circuit, network=mine[0].network, epochs=max(r.epochs for r in mine)
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
