"""Kill a sweep at random moments and resume it: its summary ends as if nothing had happened."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from support import command_line, killing, written

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
        seconds = killing.alone((*command, str(whole)), whole / "chunks" / NAME)
        chunks = len(seconds)
        pace = float(np.median(np.diff(seconds)))
        expected = outcome(whole)
        lives: list[list[int]] = []
        while (left := options.kills - sum(map(len, lives))) > 0:
            place = Path(folder) / str(len(lives))
            chunk_folder = place / "chunks" / NAME
            mine = (*command, str(place))
            ends = ((0, seconds[0]), (1, pace), (2, pace), (3, pace))
            lives.append(killing.killed(mine, chunk_folder, moments, left, ends))
            killing.finish((*mine, "--resume"))
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
    return words, (out / "figure.png").read_bytes(), killing.checksums(out / "chunks" / NAME)


if __name__ == "__main__":
    main()
