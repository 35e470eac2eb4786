"""Trained networks in stacks, or alone as plain functions, and both as files."""

import dataclasses
import functools
import itertools
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
from jax.typing import ArrayLike

from nsindy.circuits.network import ACTIVATIONS, MLP, Params
from nsindy.runtime import files
from nsindy.terms.operations import get
from nsindy.terms.primitive import Primitive

__all__ = [
    "SHIPPED",
    "Circuit",
    "Stack",
    "freeze",
    "from_json",
    "load_stacks",
    "operation_to_json",
    "save_stacks",
]

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


def save_stacks(
    path: str | os.PathLike, circuits: tuple[Stack, ...], metadata: dict[str, Any]
) -> None:
    """Write circuits to a safetensors file, whole or not at all.

    Args:
      path: the file to write.
      circuits: the stacks.
      metadata: what else the file records (recipe, command, fidelity), as JSON values.
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

    files.write_whole(path, write)


def load_stacks(path: str | os.PathLike = SHIPPED) -> tuple[tuple[Stack, ...], dict[str, Any]]:
    """Read circuits and their metadata from a safetensors file.

    Args:
      path: the file; by default the library that ships with the package.

    Returns:
      the stacks, and the metadata that `save_stacks` was given.

    Raises:
      ValueError: the file cannot be read, is not a library of circuits, or its tensors do not match
        the architecture that it declares.

    Example:
      >>> stacks, metadata = load_stacks()
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
        for i, declared in enumerate(json.loads(text["stacks"])):
            network = MLP(tuple(declared["hidden"]), declared["activation"])
            operations = tuple(
                dataclasses.replace(get(name), domain=tuple(domain))
                for name, domain in zip(declared["primitives"], declared["domains"], strict=True)
            )
            params = {
                tuple(name.split("/")[1:]): jnp.asarray(tensor)
                for name, tensor in tensors.items()
                if name.split("/")[0] == str(i)
            }
            stack = Stack(operations, network, unflatten_dict(params))
            _check(stack)
            stacks.append(stack)
        return tuple(stacks), json.loads(text["metadata"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is not a library of circuits, or does not match what it declares: "
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
        names = ", ".join(p.name for p in stack.primitives)
        raise ValueError(f"the tensors of {names} do not fit the architecture")


@dataclasses.dataclass(frozen=True)
class Circuit:
    """A trained network as a plain function of arrays, which JAX may trace, compile and map.

    Circuits of the same numbers are equal and have the same hash, so that a circuit can be a static
    argument.

    Attributes:
      activation: a key of `network.ACTIVATIONS`.
      layers: kernel [inputs, outputs] and bias [outputs] of every layer, as nested tuples; scalings
        of inputs and outputs are folded into the outer layers.
    """

    activation: str
    layers: tuple[tuple[tuple[tuple[float, ...], ...], tuple[float, ...]], ...]

    @property
    def network(self) -> MLP:
        """The architecture."""
        return MLP(tuple(len(bias) for _, bias in self.layers[:-1]), self.activation)

    @property
    def params(self) -> Params:
        """Parameters of the network, in float64."""
        layers = (
            {"kernel": np.array(kernel), "bias": np.array(bias)} for kernel, bias in self.layers
        )
        return {"params": {f"Dense_{i}": layer for i, layer in enumerate(layers)}}

    def __call__(self, *arguments: ArrayLike) -> jax.Array:
        """Evaluate the network at arguments of one shape, in their dtype; returns that shape."""
        inputs = jnp.stack([jnp.asarray(argument) for argument in arguments], axis=-1)
        inputs = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, inputs.dtype), self.params)
        return jnp.asarray(self.network.apply(params, inputs))


def freeze(activation: str, params: Params) -> Circuit:
    """A trained network as a `Circuit`, in double precision.

    Args:
      activation: a key of `network.ACTIVATIONS`.
      params: parameters of an `MLP` with that activation.
    """
    layers = (params["params"][f"Dense_{i}"] for i in range(len(params["params"])))
    pairs = [(np.asarray(p["kernel"], float), np.asarray(p["bias"], float)) for p in layers]
    return Circuit(
        activation, tuple((tuple(map(tuple, k.tolist())), tuple(b.tolist())) for k, b in pairs)
    )


def operation_to_json(primitive: Primitive) -> dict[str, Any]:
    """Describe a learned operation by JSON values, for `from_json`.

    Raises:
      ValueError: the function of the operation is no `Circuit`.
    """
    if not isinstance(primitive.function, Circuit):
        raise ValueError(f"{primitive.name} is not a learned operation; its name is enough")
    return {
        "name": primitive.name,
        "arity": primitive.arity,
        "domain": list(primitive.domain),
        "complexity": primitive.complexity,
        "activation": primitive.function.activation,
        "layers": [[list(map(list, k)), list(b)] for k, b in primitive.function.layers],
    }


def from_json(content: dict[str, Any]) -> Primitive:
    """Rebuild a learned operation from the result of `operation_to_json`.

    Raises:
      ValueError: an entry is missing, of a wrong type, not finite, or of a shape that does not fit.
    """
    try:
        name, arity, complexity = (
            content["name"],
            int(content["arity"]),
            float(content["complexity"]),
        )
        low, high = (float(end) for end in content["domain"])
        layers = [(np.array(k, float), np.array(b, float)) for k, b in content["layers"]]
        activation = content["activation"]
        if activation not in ACTIVATIONS or arity not in (1, 2) or not str(name).isidentifier():
            raise ValueError(f"{name!r}, {arity} arguments, {activation!r}")
        sizes = [arity, *(len(bias) for _, bias in layers)]
        shapes = list(itertools.pairwise(sizes))
        if len(layers) < 2 or sizes[-1] != 1 or [k.shape for k, _ in layers] != shapes:
            raise ValueError("its layers do not fit each other")
        if not all(np.isfinite(part).all() for layer in layers for part in layer):
            raise ValueError("a weight is not finite")
        params = {f"Dense_{i}": {"kernel": k, "bias": b} for i, (k, b) in enumerate(layers)}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this does not describe a learned operation: {error}") from error
    return Primitive(name, arity, freeze(activation, {"params": params}), (low, high), complexity)
