"""A small sweep in a process of its own, to be killed: its chunks go to OUT, its value to OUT.npz.

The runs are short on their own; `--slow` makes each a loop of seconds, `--pause` waits between
chunks.
"""

import argparse
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.sweep import grid, machines, progress


def main() -> None:
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("out", type=Path)
    add("--resume", action="store_true")
    add("--pause", type=float, default=0.0)
    add("--slow", type=int, default=0)
    add("--seeds", type=int, default=256)
    add("--block", type=int, default=4)
    add("--width", type=int, default=3)
    add("--cpu-devices", type=int)
    add("--coordinator")
    add("--processes", type=int)
    add("--process", type=int)
    options = parser.parse_args()
    machines.start(
        cpu_devices=options.cpu_devices,
        coordinator=options.coordinator,
        processes=options.processes,
        process=options.process,
    )
    jax.config.update("jax_enable_x64", True)

    def one(key, scale, slow):
        start = scale * jax.random.normal(key, (options.width,))
        return jax.lax.fori_loop(0, slow, lambda _, at: jnp.sin(at) + start, start)

    show = progress.teller(quiet=not machines.leader())

    def tell(done):
        show(done)
        time.sleep(options.pause)

    plan = grid.Plan(
        block=options.block, folder=options.out, resume=options.resume, identity={}, tell=tell
    )
    try:
        found = grid.over(
            one, np.arange(options.seeds), jnp.array([1.0]), jnp.int64(options.slow), plan=plan
        )
    except (ValueError, KeyboardInterrupt) as error:
        sys.exit(f"error: {error}")
    if machines.leader():
        np.savez(options.out.with_suffix(".npz"), found.value)


if __name__ == "__main__":
    main()
