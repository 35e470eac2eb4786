"""Kill a sweep at random moments and resume it: its summary ends as if nothing had happened."""

import argparse
import contextlib
import functools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from support import command_line, written

from nsindy.paper import summary_file
from nsindy.runtime import files

NAME = "exp4_conditional_entropy"
SWEEP = (
    *("--gates", "shared", "--seeds", "8192", "--steps", "100", "--samples", "120"),
    *("--library", "exact", "--quiet"),
)
"""Sixteen chunks, each shorter than the start of the process."""
OF_A_LIFE = ("command", "seconds")
"""Entries of a summary that say how it was made."""


def main() -> None:
    """Parse, kill and resume, hold what comes out against a run that was left alone."""
    options = command_line.Parser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--kills", type=command_line.positive, default=100, help="how many in all")
    add("--seed", type=int, default=0, help="of the moments")
    add("--out", default="out/kill", help="folder for summary.json")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Sweep after sweep until there were enough kills, each sweep to its end.

    Raises:
      ValueError: a sweep fails, loses a finished chunk, or ends otherwise than the one left alone.
    """
    out = files.check_folder(options.out)
    script = Path(__file__).with_name(f"{NAME}.py")
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, str(script), *SWEEP, "--out")
        whole = Path(folder) / "whole"
        seconds = alone((*command, str(whole)), whole / "chunks" / NAME)
        chunks = len(seconds)
        pace = float(np.median(np.diff(seconds)))
        expected = outcome(whole)
        lives: list[list[int]] = []
        while (left := options.kills - sum(map(len, lives))) > 0:
            place = Path(folder) / str(len(lives))
            chunk_folder = place / "chunks" / NAME
            mine = (*command, str(place))
            ends = ((0, seconds[0]), (1, pace), (2, pace), (3, pace))
            lives.append(killed(mine, chunk_folder, moments, left, ends))
            finish((*mine, "--resume"))
            if outcome(place) != expected:
                raise ValueError(f"sweep {len(lives)} ended otherwise after {len(lives[-1])} kills")
            said = f"sweep {len(lives)}: killed with {lives[-1]} of {chunks} chunks, and equal"
            print(said, flush=True)
    finished = [count for life in lives for count in life]
    content = {
        "experiment": "kill",
        "command": written.command(),
        "versions": written.versions(),
        "sweep": [NAME, *SWEEP],
        "chunks": chunks,
        "kills": len(finished),
        "before_the_first_chunk": sum(count == 0 for count in finished),
        "after_the_last_chunk": sum(count == chunks for count in finished),
        "sweeps": len(lives),
        "equal": len(lives),
        "chunks_at_each_kill": lives,
    }
    files.write_json(out / "summary.json", content)
    print(f"{len(finished)} kills in {len(lives)} sweeps, all equal; wrote {out / 'summary.json'}")


def outcome(out: Path) -> tuple[str, bytes, Mapping[str, str]]:
    """What must be equal to the last bit: the summary, the figure, the chunks."""
    summary = summary_file.read_summary(out / "summary.json")
    words = json.dumps({k: v for k, v in summary.items() if k not in OF_A_LIFE})
    return words, (out / "figure.png").read_bytes(), checksums(out / "chunks" / NAME)


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


if __name__ == "__main__":
    main()
