"""Sweeps in processes of their own, left alone or killed at random moments and resumed."""

import contextlib
import functools
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path


@contextlib.contextmanager
def begun(command: Sequence, environment: Mapping | None = None) -> Iterator[subprocess.Popen]:
    """A process that is gone at the end, whatever happens."""
    process = subprocess.Popen(
        list(map(str, command)),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def checksums(folder: Path) -> dict[str, str]:
    """The finished chunks that the manifest in a folder lists; none where there is no manifest."""
    try:
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["chunks"]
    except FileNotFoundError:
        return {}


def until(condition: Callable[[], bool], process: subprocess.Popen, seconds: float) -> None:
    """Wait for a condition, but not longer than the process lives, nor than so many seconds."""
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def alone(command: Sequence, folder: Path) -> list[float]:
    """Run a sweep that is left alone; after how many seconds each of its chunks was finished."""
    begin = time.monotonic()
    seconds: list[float] = []
    with begun(command) as process:

        def ended() -> bool:
            missing = len(checksums(folder)) - len(seconds)
            seconds.extend([time.monotonic() - begin] * missing)
            return False

        until(ended, process, 600)
        _conclude(process)
    return seconds


def finish(command: Sequence) -> None:
    """Run a sweep to its end."""
    with begun(command) as process:
        _conclude(process)


def _conclude(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=600)
    if process.returncode:
        raise ValueError(f"the sweep ends with {process.returncode}: {errors.strip()[-300:]}")


def _reached(folder: Path, count: int) -> bool:
    return len(checksums(folder)) >= count


def killed(
    command: Sequence,
    folder: Path,
    moments: random.Random,
    kills: int,
    ends: Sequence[tuple[int, float]],
    environment: Mapping | None = None,
) -> list[int]:
    """Kill a sweep and resume it, until there were enough kills or it came to its end.

    Args:
      command: of the sweep, without --resume.
      folder: of its chunks.
      moments: draws them.
      kills: at most so many.
      ends: of a life, one of these: after so many more chunks, and at most so many seconds.
      environment: of the processes.

    Returns:
      how many chunks were finished at each kill.

    Raises:
      ValueError: the sweep fails, or a finished chunk is lost or changed by a kill.
    """
    counts: list[int] = []
    known: dict[str, str] = {}
    while len(counts) < kills:
        with begun((*command, *(["--resume"] if counts else [])), environment) as process:
            more, pause = moments.choice(ends)
            aim = len(known) + more
            until(functools.partial(_reached, folder, aim), process, 600)
            until(lambda: False, process, moments.uniform(0, pause))
            if process.poll() is not None:
                _conclude(process)
                return counts
            process.send_signal(signal.SIGKILL)
            process.wait()
        now = checksums(folder)
        if not known.items() <= now.items():
            raise ValueError(f"kill {len(counts) + 1} took finished chunks")
        known = now
        counts.append(len(known))
    return counts
