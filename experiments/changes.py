"""What of results/ changed beyond noise since a commit, or since another folder of summaries."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.measures import RULES, compare


def of_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """The summaries below a folder, by the folder that each is in."""
    files = sorted(folder.glob("*/summary.json"))
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


def of_commit(folder: Path, revision: str) -> dict[str, dict[str, Any]]:
    """The same as a commit has them.

    Raises:
      ValueError: git does not know the revision, or the folder is in no repository.
    """

    def git(*words: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise ValueError(f"git cannot be run: {error.strerror}") from error
        if done.returncode:
            raise ValueError((done.stderr.strip() or "git failed").splitlines()[0])
        return done.stdout

    files = git("ls-tree", "-r", "--name-only", revision).splitlines()
    files = [file for file in files if re.fullmatch(r"[^/]+/summary\.json", file)]
    return {
        Path(file).parent.name: json.loads(git("show", f"{revision}:./{file}")) for file in files
    }


def main() -> None:
    """Compare every summary with its earlier self, and print what changed."""
    options = argparse.ArgumentParser(
        description=f"{__doc__} Changed means: {RULES}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    options.add_argument("--results", type=Path, default=Path("results"), help="the summaries")
    options.add_argument("--before", default="HEAD", help="the commit, or a folder of summaries")
    arguments = options.parse_args()
    try:
        new, place = of_folder(arguments.results), Path(arguments.before)
        old = of_folder(place) if place.is_dir() else of_commit(arguments.results, str(place))
    except ValueError as error:
        sys.exit(f"error: there is nothing to compare with: {error}")
    changed = [f"{name}: new" for name in sorted(new.keys() - old.keys())]
    changed += [f"{name}: missing" for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() & old.keys()):
        changed += [f"{name}: {sentence}" for sentence in compare(old[name], new[name])]
    if changed:
        print(f"changed since {arguments.before} beyond noise ({RULES}):")
        print("\n".join(changed))
    else:
        print(f"nothing changed beyond noise since {arguments.before} ({RULES})")


if __name__ == "__main__":
    main()
