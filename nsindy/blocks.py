"""How the runs of a sweep are cut, and the one program that evaluates a chunk of them.

The runs of one setting are cut into blocks of seeds; a block is vmapped, and a chunk is some
blocks, spread over the devices.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nsindy import machines

CHUNKS = 64
"""Into about so many chunks a sweep is cut."""


class Cut(NamedTuple):
    """The runs of one chunk, as blocks; the last blocks may be filled up with runs to ignore.

    Attributes:
      cells: the setting of each block [B].
      seed: which of the seeds each run has [B, b].
      valid: False for the filling [B, b].
    """

    cells: np.ndarray
    seed: np.ndarray
    valid: np.ndarray


def size(leaf: jax.ShapeDtypeStruct) -> int:
    """Bytes of an array."""
    return math.prod(leaf.shape) * leaf.dtype.itemsize


def layout(
    most: int,
    cells: int,
    seeds: int,
    devices: int,
    free: float,
    leaves: Sequence[jax.ShapeDtypeStruct],
) -> dict[str, int]:
    """Seeds of a block and blocks of a chunk.

    Args:
      most: seeds of a block.
      cells: settings C.
      seeds: seeds S of each.
      devices: that share a chunk.
      free: bytes of memory.
      leaves: of the value of one run.
    """
    block = min(most, math.ceil(seeds / max(1, devices // cells)))
    # As even as can be, so that no block is mostly filling.
    block = math.ceil(seeds / math.ceil(seeds / block))
    blocks = cells * math.ceil(seeds / block)
    # A chunk is held twice, on the devices and here.
    fits = free / 16 / (block * max(1, sum(map(size, leaves))))
    count = max(1, min(math.ceil(blocks / CHUNKS), int(fits)))
    return {"block": block, "blocks": devices * math.ceil(count / devices)}


def cut(layout: dict[str, int], number: int, cells: int, seeds: int, devices: int) -> Cut:
    """The runs of chunk `number`, with equally many blocks for every device."""
    block, count = layout["block"], layout["blocks"]
    each = math.ceil(seeds / block)
    padded = devices * math.ceil(count / devices)
    place = number * count + np.arange(padded)
    valid = (np.arange(padded) < count) & (place < cells * each)
    place = np.where(valid, place, number * count)
    index = (place % each)[:, None] * block + np.arange(block)
    valid = valid[:, None] & (index < seeds)
    return Cut(place // each, np.minimum(index, seeds - 1), valid)


def program(
    one: Callable[..., Any],
    cut: Cut,
    seeds: np.ndarray,
    grid: Any,
    shared: tuple[Any, ...],
    mesh: Mesh,
    free: float,
) -> Callable[[Cut], list[np.ndarray]]:
    """Compile the evaluation of a chunk; a block that needs too much memory is vmapped in parts.

    Args:
      one: pure function of a key, one setting and the shared arguments.
      cut: a chunk, whose shapes all others have.
      seeds: [S].
      grid: settings, leaves [C, …].
      shared: further arguments.
      mesh: the devices, which work without a word to each other.
      free: bytes of memory.

    Returns:
      a function of a chunk, to the leaves of its value [B, b, …].

    Raises:
      ValueError: not even one run at a time fits into the memory.
    """
    across, same = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("runs",), ()))
    arguments = jax.device_put((grid, shared), same)
    blocks, block = cut.seed.shape

    def compiled(step: int):
        def local(cells, seeds, grid, shared):
            def some(numbered):
                cell, part = numbered
                setting = jax.tree.map(lambda leaf: leaf[cell], grid)
                return jax.vmap(lambda seed: one(jax.random.key(seed), setting, *shared))(part)

            parts = block // step
            found = jax.lax.map(some, (jnp.repeat(cells, parts), seeds.reshape(-1, step)))
            return [leaf.reshape(-1, block, *leaf.shape[2:]) for leaf in jax.tree.leaves(found)]

        spread = jax.shard_map(
            local,
            mesh=mesh,
            in_specs=(
                PartitionSpec("runs"),
                PartitionSpec("runs"),
                PartitionSpec(),
                PartitionSpec(),
            ),
            out_specs=PartitionSpec("runs"),
            check_vma=False,
        )
        shapes = [
            jax.ShapeDtypeStruct(shape, seeds.dtype, sharding=across)
            for shape in ((blocks,), (blocks, block))
        ]
        return jax.jit(spread).lower(*shapes, *arguments).compile()

    step = block
    while True:
        program = compiled(step)
        needs = program.memory_analysis().temp_size_in_bytes * mesh.local_mesh.size
        if needs <= free / 2:
            break
        if step == 1:
            raise ValueError(
                f"one run on each device takes {needs / 2**30:.2g} GiB: give --memory-gb more, or "
                "fewer --devices"
            )
        fits = max(1, int(step * free / 2 / needs))
        step = max(part for part in range(1, step) if block % part == 0 and part <= fits)

    def place(values: np.ndarray) -> jax.Array:
        return jax.make_array_from_callback(values.shape, across, lambda at: values[at])

    def evaluate(cut: Cut) -> list[np.ndarray]:
        cells = place(cut.cells.astype(seeds.dtype))
        return machines.gathered(program(cells, place(seeds[cut.seed]), *arguments))

    return evaluate
