"""A grid of settings × seeds on any hardware: vmapped, sharded over devices, chunk by chunk.

Each run's key comes from its own seed, so that neither devices nor chunks change what it finds.
"""

import hashlib
import importlib.metadata
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from nsindy.runtime.stopping import stop_softly
from nsindy.sweep import blocks, chunks, machines
from nsindy.sweep.progress import Done

__all__ = ["DEFAULT", "EVERY", "Interrupted", "Plan", "Timed", "over"]

EVERY = sys.maxsize
"""In `keep`: the leaf is kept for every seed."""


class Plan(NamedTuple):
    """How a sweep runs; nothing of it changes what it finds.

    Attributes:
      block: most seeds of a vmapped step.
      memory: GiB that the process may use; None for as much as it takes.
      devices: how many of each process's devices to use; None for all.
      folder: where the finished chunks go, a folder for each sweep; None to keep none.
      resume: continue the chunks that are there.
      identity: what is swept, for the manifest, JSON values.
      tell: called after every chunk.
      quick: compile for CPUs in half the time, where a run is short beside its compilation.
    """

    block: int = 32
    memory: float | None = None
    devices: int | None = None
    folder: Path | None = None
    resume: bool = False
    identity: dict[str, Any] | None = None
    tell: Callable[[Done], None] = lambda done: None
    quick: bool = False


DEFAULT = Plan()


class Timed(NamedTuple):
    """The value of a sweep, and what it took.

    Attributes:
      value: whatever the function returns, NumPy leaves [C, S, …].
      compile: seconds of tracing and compilation.
      run: seconds of the runs that were made now.
    """

    value: Any
    compile: float
    run: float


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came and the chunk at hand was finished; the message says how to go on."""


def over(
    one: Callable[..., Any],
    seeds: np.ndarray | jax.Array,
    grid: Any,
    *shared: Any,
    plan: Plan = DEFAULT,
    name: str = "sweep",
    keep: Any = EVERY,
    success: Callable[[Any], Any] | None = None,
) -> Timed:
    """Evaluate `one(key, setting, *shared)` for every setting of the grid and every seed.

    Give it one method at a time: batched LAPACK calls that do not depend on each other, as in two
    selectors side by side, wait for the same threads of XLA's pool, on two cores for ever.

    Each seed's key is `jax.random.key(seed)`, so a run is the same in any sweep that contains it.
    With several processes every one of them calls this with the same arguments and gets the whole
    value; process 0 keeps the chunks.

    Args:
      one: pure function of a key, one setting and the shared arguments.
      seeds: [S] integers.
      grid: pytree of settings, traced, every leaf with a leading axis of C.
      *shared: pytrees of traced arguments.
      plan: how to run it.
      name: of the sweep, unlike others in the same folder.
      keep: prefix of the value's pytree, for how many of the first seeds each leaf is kept.
      success: of the value of some runs, which of them succeeded; for the progress.

    Raises:
      ValueError: the value does not fit into the memory, there are fewer devices than asked for,
        or the folder of the chunks cannot be used.
      Interrupted: Ctrl-C came, and the chunk at hand was finished.
    """
    seeds = np.asarray(seeds)
    devices = machines.devices(plan.devices)
    width = len(devices) * machines.processes()
    cells = jax.tree.leaves(grid)[0].shape[0]
    setting = jax.tree.map(lambda leaf: leaf[0], grid)
    value = _describe(jax.eval_shape(one, jax.random.key(0), setting, *shared), keep, len(seeds))
    free = _free(plan, cells * value.bytes)
    arrays = value.zeros(cells)
    layout = blocks.choose_layout(plan.block, cells, len(seeds), width, free, value.leaves)
    store, layout = _store(plan, name, layout, (seeds, grid, shared))
    total = math.ceil(cells * math.ceil(len(seeds) / layout["block"]) / layout["blocks"])
    inputs = (seeds, grid, shared, devices, free)
    program = _Stopwatch(lambda cut: blocks.compile_chunk(one, cut, *inputs, quick=plan.quick))
    done = Done(name, 0, total, 0, cells * len(seeds), 0, 0.0, None if success is None else 0)
    message = "finishing this chunk; Ctrl-C again ends at once"
    # The second is left to the system, which ends the process even within compiled code.
    with stop_softly(message, again=signal.SIG_DFL) as interrupted:
        for number in range(total):
            cut = blocks.cut_chunk(layout, number, cells, len(seeds), width)
            cell = np.broadcast_to(cut.cells[:, None], cut.valid.shape)[cut.valid]
            index = cut.seed[cut.valid]
            kept = [index < row for row in value.rows]
            found = _stored(store, number, value, kept)
            made = found is None
            if found is None:
                every = program(cut)
                found = [leaf[cut.valid][which] for leaf, which in zip(every, kept, strict=True)]
                _keep(store, number, value.names, found, cell, seeds[index])
            for whole, part, which in zip(arrays, found, kept, strict=True):
                whole[cell[which], index[which]] = part
            correct = None if success is None else success(value.tree(found))
            done = _advanced(done, len(index), made, program.run, correct)
            plan.tell(done)
            if machines.any_of(interrupted()) and done.chunk < total:
                where = "" if plan.folder is None else "; --resume continues there"
                raise Interrupted(f"stopped after chunk {done.chunk} of {total} of {name}{where}")
    return Timed(value.tree(arrays), program.compile, program.run)


class _Value(NamedTuple):
    """What one run returns, and for how many seeds each of its leaves is kept.

    Attributes:
      structure: of the pytree.
      names: of its leaves, as paths.
      leaves: shapes and types of one run.
      rows: how many of the first seeds each leaf is kept for.
    """

    structure: Any
    names: list[str]
    leaves: list[jax.ShapeDtypeStruct]
    rows: list[int]

    @property
    def bytes(self) -> int:
        """Of all that is kept of one setting."""
        return sum(
            blocks.bytes_of(leaf) * row for leaf, row in zip(self.leaves, self.rows, strict=True)
        )

    def zeros(self, cells: int) -> list[np.ndarray]:
        """Leaves [C, S, …] to fill."""
        return [
            np.zeros((cells, row, *leaf.shape), leaf.dtype)
            for leaf, row in zip(self.leaves, self.rows, strict=True)
        ]

    def tree(self, leaves: list[np.ndarray]) -> Any:
        """The pytree of such leaves."""
        return jax.tree.unflatten(self.structure, leaves)


def _describe(shapes: Any, keep: Any, seeds: int) -> _Value:
    leaves, structure = jax.tree.flatten(shapes)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(shapes)]
    limits = jax.tree.leaves(jax.tree.broadcast(keep, shapes))
    return _Value(structure, names, leaves, [min(limit, seeds) for limit in limits])


class _Stopwatch:
    """The program of a chunk, compiled when the first chunk is to be made, and what it took.

    Attributes:
      compile: seconds of tracing and compilation.
      run: seconds of the chunks that were made.
    """

    def __init__(self, compile_for: Callable[[blocks.Cut], Callable[[blocks.Cut], Any]]):
        self._compile_for = compile_for
        self._program: Callable[[blocks.Cut], Any] | None = None
        self.compile = self.run = 0.0

    def __call__(self, cut: blocks.Cut) -> list[np.ndarray]:
        if self._program is None:
            start = time.perf_counter()
            self._program = self._compile_for(cut)
            self.compile = time.perf_counter() - start
        start = time.perf_counter()
        found = self._program(cut)
        self.run += time.perf_counter() - start
        return found


def _advanced(done: Done, runs: int, made: bool, seconds: float, correct: Any) -> Done:
    """One chunk further."""
    successes = None if done.successes is None else done.successes + int(np.sum(correct))
    return done._replace(
        chunk=done.chunk + 1,
        runs=done.runs + runs,
        made=done.made + made * runs,
        seconds=seconds,
        successes=successes,
    )


def _free(plan: Plan, value: int) -> float:
    """Bytes that are left beside this process and the value of the sweep."""
    if plan.memory is None:
        return math.inf
    resident = machines.resident()
    free = plan.memory * 2**30 - resident - value
    if free <= 0:
        raise ValueError(
            f"the value of the sweep takes {value / 2**30:.2g} GiB beside the "
            f"{resident / 2**30:.2g} GiB of the process: give --memory-gb "
            f"{math.ceil((value + resident) / 2**30) + 1}, or fewer seeds"
        )
    return free


def _store(
    plan: Plan, name: str, layout: dict[str, int], inputs: Any
) -> tuple[chunks.Chunks | None, dict[str, int]]:
    """The folder of the chunks in process 0, and the layout that all go by."""
    store = None
    if plan.folder is not None and machines.leader():
        identity = dict(plan.identity or {}) | {
            "sweep": name,
            "inputs": fingerprint(inputs),
            "code": source_version(),
        }
        store = chunks.open_chunks(plan.folder / name, identity, layout, resume=plan.resume)
        layout = store.layout
    agreed = machines.from_leader(np.array([layout["block"], layout["blocks"]]))
    return store, {"block": int(agreed[0]), "blocks": int(agreed[1])}


def _stored(
    store: chunks.Chunks | None, number: int, value: _Value, kept: list[np.ndarray]
) -> list[np.ndarray] | None:
    """A finished chunk in every process; None where it must be made."""
    found = None if store is None else chunks.read_chunk(store, number)
    if not machines.any_of(found is not None):
        return None
    if found is None:
        found = {
            name: np.zeros((int(which.sum()), *leaf.shape), leaf.dtype)
            for name, leaf, which in zip(value.names, value.leaves, kept, strict=True)
        }
    return machines.from_leader([found[name] for name in value.names])


def _keep(
    store: chunks.Chunks | None,
    number: int,
    names: list[str],
    leaves: list[np.ndarray],
    cell: np.ndarray,
    seed: np.ndarray,
) -> None:
    """Write a chunk in process 0: the setting and the seed of every run [R], and its leaves."""
    if store is not None:
        runs = {"cell": cell, "seed": seed} | dict(zip(names, leaves, strict=True))
        chunks.write_chunk(store, number, runs)


def fingerprint(inputs: Any) -> str:
    """SHA-256 of the arrays of a pytree, their shapes and types."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(inputs):
        values = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)}{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def source_version(package: Path = Path(__file__).parents[1]) -> str:
    """Version of nsindy and of JAX, and SHA-256 of every Python file below the package.

    Any change of the source makes another sweep of it: which functions a run calls is not known.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    version = importlib.metadata.version("nsindy")
    return f"nsindy {version}, source {digest.hexdigest()[:12]}, jax {jax.__version__}"
