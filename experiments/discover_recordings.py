"""What the command `nsindy discover` says to given recordings, word for word."""

import argparse
import contextlib
import io
import shlex
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from support import command_line, written

import nsindy
from nsindy import cli
from nsindy.runtime import files


def main() -> None:
    """Parse, run the command on every recording, write summary.json."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    options.add_argument("files", nargs="+", metavar="FILE", help="a recording each")
    options.add_argument("--out", default="out/discover_recordings", help="folder for summary.json")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Run the command, print what it says, and write it."""
    out = files.check_folder(options.out)
    rows = [discover(file) for file in options.files]
    made = {"experiment": "discover_recordings", "command": written.command()}
    files.write_json(out / "summary.json", made | {"versions": written.versions(), "rows": rows})
    print(f"wrote {out / 'summary.json'}")


def discover(file: str) -> dict[str, Any]:
    """Run the command on one recording, its report apart.

    Raises:
      ValueError: the command failed.
    """
    words = ["discover", file]
    said, wrong = io.StringIO(), io.StringIO()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            code = cli.main([*words, "--out", folder])
        seconds = time.perf_counter() - start
        if code not in (0, 3):
            raise ValueError(wrong.getvalue().strip().removeprefix("error: "))
        found = nsindy.load(Path(folder) / "discovery.json")
    lines = [line for line in said.getvalue().splitlines() if not line.startswith("wrote ")]
    print("\n".join(lines) + "\n")
    coefficients, errors = np.asarray(found.coefficients), np.asarray(found.standard_errors)
    return {
        "name": Path(file).stem,
        "command": shlex.join(["nsindy", *words]),
        "says": lines,
        "equations": found.equations(),
        "coefficients": {
            f"{found.states[d]}' {found.terms[m]}": coefficients[d, m]
            for d, m in np.argwhere(coefficients)
        },
        "standard_errors": {
            f"{found.states[d]}' {found.terms[m]}": errors[d, m]
            for d, m in np.argwhere(coefficients)
        },
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
