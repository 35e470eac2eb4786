"""How the runs of a sweep are cut, and the one program that evaluates a chunk of them.

The runs of one setting are cut into blocks of seeds; a block is vmapped, and a chunk is some
blocks, spread over the devices.
"""

import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import SingleDeviceSharding

from nsindy.runtime import programs
from nsindy.sweep import machines

__all__ = ["CHUNKS", "Cut", "bytes_of", "choose_layout", "compile_chunk", "cut_chunk"]

CHUNKS = 64
"""A sweep is cut into about this many chunks: few enough files, and little lost by a kill."""


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


def bytes_of(leaf: jax.ShapeDtypeStruct) -> int:
    """Bytes of an array."""
    return math.prod(leaf.shape) * leaf.dtype.itemsize


def choose_layout(
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
    fits = free / 16 / (block * max(1, sum(map(bytes_of, leaves))))
    count = max(1, int(min(math.ceil(blocks / CHUNKS), fits)))
    return {"block": block, "blocks": devices * math.ceil(count / devices)}


def cut_chunk(layout: dict[str, int], number: int, cells: int, seeds: int, devices: int) -> Cut:
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


def compile_chunk(
    one: Callable[..., Any],
    cut: Cut,
    seeds: np.ndarray,
    grid: Any,
    shared: tuple[Any, ...],
    devices: Sequence[jax.Device],
    free: float,
    *,
    quick: bool = False,
) -> Callable[[Cut], list[np.ndarray]]:
    """Compile the evaluation of a chunk; a block that needs too much memory is vmapped in parts.

    Every device runs a program of its own on its share of the blocks, without communication. (One
    program over a mesh would do the same, but what it traces carries the mesh in its types, which
    lineax's solvers do not take.)

    Args:
      one: pure function of a key, one setting and the shared arguments.
      cut: a chunk, whose shapes all others have.
      seeds: [S].
      grid: settings, leaves [C, …].
      shared: further arguments.
      devices: of this process.
      free: bytes of memory.
      quick: compile as `programs.QUICK` says.

    Returns:
      a function of a chunk, to the leaves of its value [B, b, …], in every process.

    Raises:
      ValueError: not even one run at a time fits into the memory.
    """
    blocks, block = cut.seed.shape
    share = blocks // (len(devices) * machines.processes())
    placed = [jax.device_put((grid, shared), device) for device in devices]
    traced = jax.jit(_every_block(one, block), static_argnames="step")

    def compiled(number: int, step: int):
        where = SingleDeviceSharding(devices[number])
        shapes = [
            jax.ShapeDtypeStruct(shape, seeds.dtype, sharding=where)
            for shape in ((share,), (share, block))
        ]
        lowered = traced.lower(*shapes, *placed[number], step=step)
        return programs.compile_quickly(lowered) if quick else lowered.compile()

    first, step = _within_memory(functools.partial(compiled, 0), block, free, len(devices))
    pool = ThreadPoolExecutor(len(devices))
    others = pool.map(lambda number: compiled(number, step), range(1, len(devices)))
    ready = [first, *others]
    # The devices of a processor share its threads: two programs at once may wait for them, and so
    # for each other, for ever. They take turns, each with all of the threads.
    turns = ThreadPoolExecutor(1) if devices[0].platform == "cpu" else pool

    def evaluate(cut: Cut) -> list[np.ndarray]:
        begin = machines.process() * len(devices) * share

        def on(number: int) -> list[np.ndarray]:
            part = slice(begin + number * share, begin + (number + 1) * share)
            runs = cut.cells[part].astype(seeds.dtype), seeds[cut.seed[part]]
            runs = jax.device_put(runs, devices[number])
            return [np.asarray(leaf) for leaf in ready[number](*runs, *placed[number])]

        each = list(turns.map(on, range(len(devices))))
        return machines.gathered([np.concatenate(parts) for parts in zip(*each, strict=True)])

    return evaluate


def _every_block(one: Callable[..., Any], block: int) -> Callable[..., list[jax.Array]]:
    """`one` over blocks [B] of seeds [B, b], `step` of them vmapped at a time; leaves [B, b, …]."""

    def every(cells, seeds, grid, shared, *, step: int):
        def some(numbered):
            cell, part = numbered
            setting = jax.tree.map(lambda leaf: leaf[cell], grid)
            return jax.vmap(lambda seed: one(jax.random.key(seed), setting, *shared))(part)

        cells = jnp.repeat(cells, block // step)
        found = jax.lax.map(some, (cells, seeds.reshape(-1, step)))
        return [leaf.reshape(-1, block, *leaf.shape[2:]) for leaf in jax.tree.leaves(found)]

    return every


def _within_memory(
    compiled: Callable[[int], Any], block: int, free: float, devices: int
) -> tuple[Any, int]:
    """The program of the largest step, a divisor of the block, that takes at most half of `free`.

    Raises:
      ValueError: a step of one run takes more.
    """
    step = block
    while True:
        program = compiled(step)
        needs = program.memory_analysis().temp_size_in_bytes * devices
        if needs <= free / 2:
            return program, step
        if step == 1:
            raise ValueError(
                f"one run on each device takes {needs / 2**30:.2g} GiB: give --memory-gb more, or "
                "fewer --devices"
            )
        fits = max(1, int(step * free / 2 / needs))
        step = max(part for part in range(1, step) if block % part == 0 and part <= fits)
