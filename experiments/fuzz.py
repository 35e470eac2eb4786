"""Malformed and hostile recordings: each gets one sentence, or its equations are found."""

import argparse
import contextlib
import io
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from support import command_line, written
from support.malformed import KINDS

from nsindy import cli
from nsindy.recording import check
from nsindy.runtime import files

OUTCOMES = ("refused", "accepted", "discovered", "failed")


class TooLong(BaseException):
    """A case ran past its limit; no handler of errors may take it for one."""


def main() -> None:
    """Parse, run every case, print the table, write summary.json."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("--count", type=int, default=5000, help="recordings, spread over the kinds")
    add("--discover", type=int, default=100, help="how many that are accepted go all the way")
    add("--seed0", type=int, default=0, help="the first seed; each recording has its own")
    add("--limit", type=float, default=300.0, help="seconds that a recording may take")
    add("--out", default="out/fuzz", help="folder for summary.json")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Make the recordings, one kind after the other, and see what the command says to them."""
    out = files.check_folder(options.out)
    signal.signal(signal.SIGALRM, _too_long)
    rows: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for k, (kind, make) in enumerate(KINDS.items()):
        row: dict[str, Any] = {"kind": kind, "count": 0} | dict.fromkeys(OUTCOMES, 0)
        row |= {"slowest_seconds": 0.0, "sentence": ""}
        budget = options.discover // len(KINDS) + (k < options.discover % len(KINDS))
        for seed in range(options.seed0 + k, options.seed0 + options.count, len(KINDS)):
            content = make(np.random.default_rng(seed))
            begin = time.monotonic()
            outcome, said = attempt(content, options.limit, row["discovered"] < budget)
            row["slowest_seconds"] = max(row["slowest_seconds"], time.monotonic() - begin)
            row["count"] += 1
            row[outcome] += 1
            if outcome == "refused" and not row["sentence"]:
                row["sentence"] = said
            if outcome == "failed":
                failures.append({"kind": kind, "seed": seed, "said": said})
                print(f"{kind}, seed {seed}: {said}", flush=True)
        rows.append(row)
        print(line(row), flush=True)
    made = {"experiment": "fuzz", "command": written.command(), "versions": written.versions()}
    files.write_json(out / "summary.json", made | {"rows": rows, "failures": failures})
    print(f"{sum(row['count'] for row in rows)} recordings, {len(failures)} failures")
    print(f"wrote {out / 'summary.json'}")


def attempt(content: bytes, limit: float, whole: bool) -> tuple[str, str]:
    """What becomes of a file: one of `OUTCOMES`, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "recording.csv", Path(folder) / "discovery"
        path.write_bytes(content)
        said, errors = io.StringIO(), io.StringIO()
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            accepted = _accepted(path)
            if accepted and not whole:
                return "accepted", ""
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
                code = cli.main(["discover", str(path), "--out", str(out)])
            written = sorted(each.name for each in out.iterdir()) if out.exists() else []
            if code == 0:
                from nsindy.result.discovery import load

                load(out / "discovery.json")
                partial = [name for name in written if "partial" in name]
                fine = "report.html" in written and not partial and not errors.getvalue()
                return ("discovered" if fine else "failed"), said.getvalue()
            fine = code == 2 and errors.getvalue().count("\n") == 1 and not written
            sentence = errors.getvalue().strip().replace(str(path), "FILE")
            return ("refused" if fine else "failed"), sentence
        except TooLong:
            return "failed", f"took longer than {limit:g} s"
        except Exception as error:
            return "failed", f"{type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    counts = "".join(f"{row[name]:>6} {name}" for name in OUTCOMES)
    return f"{row['kind']:<28}{row['count']:>5}{counts}  {row['slowest_seconds']:6.1f} s"


def _accepted(path: Path) -> bool:
    try:
        check.read_recordings(path)
    except ValueError:
        return False
    return True


def _too_long(*_) -> None:
    raise TooLong


if __name__ == "__main__":
    main()
