"""The hardware of a run: this process's devices, the other processes, what to say when one dies.

Several processes are JAX's own distributed runtime: each holds a shard of every chunk, all get the
whole value, and process 0 speaks and writes.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

__all__ = [
    "HEARTBEAT",
    "any_of",
    "devices",
    "from_leader",
    "gathered",
    "leader",
    "process",
    "processes",
    "resident",
    "start",
]

HEARTBEAT = 20
"""Seconds without a sign of life after which a process counts as dead."""


def start(
    *,
    cpu_devices: int | None = None,
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
) -> None:
    """Prepare the devices and join the other processes, before JAX computes anything.

    Args:
      cpu_devices: into how many devices to split the processor; None leaves it as it is.
      coordinator: HOST:PORT of process 0. Under `srun` and `mpirun` nothing need be given.
      processes: how many there are.
      process: which of them this one is, from 0.

    Raises:
      ValueError: one of the three is given without the others, or they contradict each other.
    """
    if cpu_devices is not None:
        jax.config.update("jax_num_cpu_devices", cpu_devices)
    given = [value is not None for value in (coordinator, processes, process)]
    if any(given) and not all(given):
        raise ValueError("--coordinator, --processes and --process belong together; give all three")
    if processes is not None and process is not None and not 0 <= process < processes:
        raise ValueError(f"--process must be 0 to {processes - 1}, not {process}")
    if coordinator is not None and not re.fullmatch(r".+:\d+", coordinator):
        raise ValueError(f"--coordinator must be HOST:PORT, not {coordinator}")
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("OMPI_COMM_WORLD_SIZE") or "1"
    if all(given) or int(tasks) > 1:
        jax.distributed.initialize(
            coordinator, processes, process, heartbeat_timeout_seconds=HEARTBEAT
        )


def leader() -> bool:
    """True in the process that speaks and writes."""
    return jax.process_index() == 0


def process() -> int:
    """Which process this one is."""
    return jax.process_index()


def processes() -> int:
    """How many processes there are."""
    return jax.process_count()


def devices(count: int | None = None) -> list[jax.Device]:
    """The devices of this process.

    Args:
      count: how many of them; None for all.

    Raises:
      ValueError: there are fewer.
    """
    have = jax.local_device_count()
    if count is not None and not 1 <= count <= have:
        raise ValueError(
            f"--devices {count}: this machine has {have}; on a processor --cpu-devices "
            f"{count} makes as many"
        )
    return jax.local_devices()[:count]


def gathered(value: Any) -> Any:
    """The arrays of all processes one after the other, in every process."""
    if jax.process_count() == 1:
        return value
    with _named_if_lost():
        return multihost_utils.process_allgather(value, tiled=True)


def from_leader(value: Any) -> Any:
    """What process 0 has, in every process; the others give arrays of the same shapes."""
    if jax.process_count() == 1:
        return value
    with _named_if_lost():
        sent = multihost_utils.broadcast_one_to_all(value)
        return jax.tree.map(np.asarray, sent)


def any_of(flag: bool) -> bool:
    """True in every process where it is true in one of them."""
    if jax.process_count() == 1:
        return flag
    with _named_if_lost():
        return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def resident() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@contextmanager
def _named_if_lost() -> Iterator[None]:
    """End this process with the number of the one that died, when an exchange fails.

    A collective that fails names an address; the processes that do not come to a barrier after it
    are the dead.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:
        words = f"lost another process of this run ({str(error).splitlines()[0]})"
        missing = _missing()
        if missing:
            words = f"process {', '.join(missing)} of {jax.process_count()} died"
        print(f"error: {words}; finished chunks are kept, --resume continues", file=sys.stderr)
        sys.stderr.flush()
        # The runtime's own exit waits for the dead, and then aborts with a trace of the stack.
        os._exit(1)


def _missing() -> list[str]:
    """Numbers of the processes that do not come to a barrier; none where JAX offers no such."""
    try:
        # Private, and the only way to a barrier that does not compute.
        from jax._src import distributed

        client: Any = distributed.global_state.client
    except (ImportError, AttributeError):
        return []
    try:
        client.wait_at_barrier("who is left", 1000 * HEARTBEAT // 2)
    except Exception as error:
        named = str(error).partition("timed out task names:")[2]
        found = set(re.findall(r"^(?:\S*task:)?(\d+)$", named, re.MULTILINE))
        return sorted(found - {str(jax.process_index())}, key=int) or ["0"] * (not leader())
    return []
