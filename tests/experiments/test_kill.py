"""What a sweep leaves behind that is killed, on a full disk, in a folder that may only be read."""

import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import killing

from nsindy.sweep import chunks

SCRIPT = Path(__file__).with_name("killed.py")
CHUNKS = 64


def done(environment, *command):
    with killing.begun((sys.executable, *command), environment) as process:
        said, errors = process.communicate(timeout=120)
    return process.returncode, said, errors


def one_sentence(errors):
    """The message after the lines of progress."""
    lines = [line for line in errors.splitlines() if not re.match(r"\w+: chunk \d", line)]
    assert len(lines) == 1, errors
    return lines[0]


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_sweep_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    environment, tmp_path, kills
):
    code, _, errors = done(environment, SCRIPT, tmp_path / "whole")
    assert code == 0, errors
    expected = np.load(tmp_path / "whole.npz")["arr_0"]

    out = tmp_path / "killed"
    # One to four chunks a life, in the middle of writing as likely as not.
    counts = killing.killed(
        (sys.executable, SCRIPT, out, "--pause", 0.005),
        out / "sweep",
        random.Random(5),
        kills,
        ((1, 0.02),),
        environment,
    )
    assert len([count for count in counts if count < CHUNKS]) >= kills // 2
    # A file that a kill left half-written has no chunk's name.
    (out / "sweep" / ".1.partial.safetensors").write_bytes(b"half")
    code, _, errors = done(environment, SCRIPT, out, "--resume")
    assert code == 0, errors
    np.testing.assert_array_equal(np.load(tmp_path / "killed.npz")["arr_0"], expected)
    np.testing.assert_array_equal(chunks.load_runs(out / "sweep")[""], expected[0])


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB; `mount` is for root."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_leaves_the_finished_chunks_and_the_sweep_goes_on(environment, small_disk):
    # Each of the 64 chunks takes 4 runs of 512 numbers, 16 KiB.
    command = (SCRIPT, small_disk / "out", "--width", 512)
    code, _, errors = done(environment, *command)
    assert code == 1
    said = one_sentence(errors)
    found = re.search(
        r"cannot write .*/(\w+)\.safetensors: No space left on device; the (\d+)", said
    )
    assert found, said
    assert int(found[1]) == int(found[2]) > 3
    kept = chunks.load_runs(small_disk / "out" / "sweep")
    assert len(kept["seed"]) == 4 * int(found[2])
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    code, _, errors = done(environment, *command, "--resume")
    assert code == 0, errors
    assert f"chunk {int(found[2]) + 1} of 64" in errors
    whole = np.load(small_disk / "out.npz")["arr_0"]
    np.testing.assert_array_equal(whole[0, : len(kept["seed"])], kept[""])


SMALL_FILES = """
import os, resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""No file may grow beyond so many bytes, which is what a quota does."""


@pytest.mark.slow
def test_a_quota_leaves_the_finished_chunks_and_the_sweep_goes_on(environment, tmp_path):
    # The manifest grows by some 80 bytes with every chunk, and passes the limit after some.
    command = (SCRIPT, tmp_path / "out")
    limited = environment | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    code, _, errors = done(limited, "-c", SMALL_FILES, 2500, *command)
    assert code == 1
    found = re.search(r"cannot write .*: File too large; the (\d+) finished chunks", errors)
    assert found and one_sentence(errors), errors
    kept = chunks.load_runs(tmp_path / "out" / "sweep")
    assert len(kept["seed"]) == 4 * int(found[1]) > 0
    code, _, errors = done(environment, *command, "--resume")
    assert code == 0, errors
    np.testing.assert_array_equal(
        np.load(tmp_path / "out.npz")["arr_0"][0, : len(kept["seed"])], kept[""]
    )


def test_a_place_where_nothing_can_be_written_is_one_sentence(environment, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = done(environment, SCRIPT, tmp_path / "file" / "out")
    assert code == 1
    assert re.search(r"cannot write to .*/file/out/sweep: Not a directory", one_sentence(errors))


@pytest.mark.slow
def test_a_folder_that_may_only_be_read_is_one_sentence(environment, tmp_path):
    code, _, errors = done(environment, SCRIPT, tmp_path / "out")
    assert code == 0, errors
    bound = ["mount", "--bind", "-o", "ro", tmp_path, tmp_path]
    mounted = subprocess.run(bound, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        (tmp_path / "out" / "sweep" / "000003.safetensors").read_bytes()
        code, _, errors = done(environment, SCRIPT, tmp_path / "other")
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
    assert code == 1
    assert re.search(r"cannot write to .*/other/sweep: Read-only file system", one_sentence(errors))
