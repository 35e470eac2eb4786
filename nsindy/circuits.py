"""Circuits: trained networks in stacks, saved and loaded with what they declare of themselves."""

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from nsindy import primitives, results
from nsindy.mlp import MLP, Params
from nsindy.primitives import Primitive

SHIPPED = Path(__file__).with_name("library.safetensors")
"""The circuits that come with the package."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("params",),
    meta_fields=("primitives", "network"),
)
@dataclasses.dataclass(frozen=True)
class Stack:
    """Circuits of one arity and one architecture, evaluated by a single vmapped apply.

    Attributes:
      primitives: the operations that the circuits learned, P of them.
      network: the architecture they share.
      params: parameters of the network, every leaf with a leading axis [P].
    """

    primitives: tuple[Primitive, ...]
    network: MLP
    params: Params


def save(path: str | os.PathLike, circuits: tuple[Stack, ...], metadata: dict[str, Any]) -> None:
    """Write circuits to a safetensors file, whole or not at all.

    Args:
      path: the file to write.
      circuits: the stacks.
      metadata: what else the file should say of itself (recipe, command, fidelity), as JSON values.
    """
    tensors: dict[str, np.ndarray] = {}
    stacks = []
    for i, stack in enumerate(circuits):
        leaves = flatten_dict(stack.params, sep="/")
        tensors |= {f"{i}/{name}": np.asarray(leaf) for name, leaf in leaves.items()}
        stacks.append(
            {
                "primitives": [p.name for p in stack.primitives],
                "domains": [list(p.domain) for p in stack.primitives],
                "hidden": list(stack.network.hidden),
                "activation": stack.network.activation,
            }
        )
    text = {"stacks": json.dumps(stacks), "metadata": json.dumps(metadata)}

    def write(temporary: Path) -> None:
        safetensors.numpy.save_file(tensors, temporary, metadata=text)
        temporary.chmod(0o644)

    results.write_whole(path, write)


def load(path: str | os.PathLike = SHIPPED) -> tuple[tuple[Stack, ...], dict[str, Any]]:
    """Read circuits and their metadata from a safetensors file.

    Args:
      path: the file; without it the library that ships with the package.

    Returns:
      the stacks, and the metadata that `save` was given.

    Raises:
      ValueError: the file cannot be read, is no library of circuits, or its tensors do not match
        the architecture that it declares.

    Example:
      >>> stacks, metadata = load()
      >>> names = [primitive.name for stack in stacks for primitive in stack.primitives]
      >>> {"identity", "sin", "cos", "add", "mul"} <= set(names)
      True
    """
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            text = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"cannot read the library {os.fspath(path)}: {error}") from error
    try:
        stacks = []
        for i, said in enumerate(json.loads(text["stacks"])):
            network = MLP(tuple(said["hidden"]), said["activation"])
            operations = tuple(
                dataclasses.replace(primitives.get(name), domain=tuple(domain))
                for name, domain in zip(said["primitives"], said["domains"], strict=True)
            )
            mine = {
                tuple(name.split("/")[1:]): jnp.asarray(tensor)
                for name, tensor in tensors.items()
                if name.split("/")[0] == str(i)
            }
            stack = Stack(operations, network, unflatten_dict(mine))
            _check(stack)
            stacks.append(stack)
        return tuple(stacks), json.loads(text["metadata"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no library of circuits, or does not match what it declares: "
            f"{error}"
        ) from error


def _check(stack: Stack) -> None:
    if len({p.arity for p in stack.primitives}) != 1:
        raise ValueError("the operations of a stack differ in their number of arguments")
    example = jnp.zeros((1, stack.primitives[0].arity))
    expected = jax.eval_shape(stack.network.init, jax.random.key(0), example)
    expected = jax.tree.map(lambda leaf: (len(stack.primitives), *leaf.shape), expected)
    found = jax.tree.map(lambda leaf: leaf.shape, stack.params)
    if expected != found:
        raise ValueError(f"the tensors of {', '.join(p.name for p in stack.primitives)} differ")
