"""The list of the experiments: complete, and every command in it can be typed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "experiments"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(python experiments/[^`]+)`", TEXT)
SCRIPTS = sorted(
    file.stem for file in FOLDER.glob("*.py") if "__main__" in file.read_text(encoding="utf-8")
)

DRIVER = """
import argparse, contextlib, io, json, runpy, sys
folder, jobs = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, folder)

parse = argparse.ArgumentParser.parse_args

def only(self, *arguments, **keywords):
    parse(self, *arguments, **keywords)
    raise SystemExit(0)

argparse.ArgumentParser.parse_args = only
report = []
for name, *words in jobs:
    sys.argv = [f"{folder}/{name}", *words]
    said, code = io.StringIO(), "it did not parse its options"
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as stop:
            code = stop.code
        except Exception as error:
            code = repr(error)
    report.append([code, said.getvalue()])
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def parsed():
    """What every command and every `--help` says before anything is run, in one process."""
    jobs = [[Path(words[1]).name, *words[2:]] for words in map(shlex.split, COMMANDS)]
    jobs += [[f"{name}.py", "--help"] for name in SCRIPTS]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(FOLDER), json.dumps(jobs)],
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report) == len(jobs)
    return dict(zip([*COMMANDS, *SCRIPTS], report, strict=True))


def test_every_script_is_listed_and_nothing_else():
    assert sorted({Path(shlex.split(command)[1]).stem for command in COMMANDS}) == SCRIPTS


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(parsed, command):
    code, said = parsed[command]
    assert code == 0, said


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_explains(parsed, name):
    code, said = parsed[name]
    assert code == 0, said
    assert said.startswith("usage: ") and "--help" in said
    assert len(said.splitlines()) > 5
