"""Several devices and several real processes on the loopback address."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nsindy.sweep import machines

HERE = Path(__file__)
SCRIPT = HERE.parents[1] / "experiments" / "killed.py"
EXPERIMENTS = HERE.parents[2] / "experiments"
SHORT = ("exp0_stlsq.py", "--seeds", "6", "--samples", "60", "--library", "exact")


BEGUN: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def ended():
    """No process outlives its test, whatever happens."""
    yield
    while BEGUN:
        process = BEGUN.pop()
        process.kill()
        process.communicate()


def begin(environment, *command):
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    BEGUN.append(process)
    return process


def together(environment, count, *command):
    """Begin the processes of one run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    joined = (*command, "--coordinator", f"127.0.0.1:{port}", "--processes", count)
    return [begin(environment, *joined, "--process", number) for number in range(count)]


def summary_of(out):
    summary = json.loads((out / "summary.json").read_text())
    return {k: v for k, v in summary.items() if k not in ("command", "seconds", "device")}


def close(one, other, path=""):
    """The same selections, and numbers within 1e-5."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            close(one[key], other[key], f"{path}/{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), path
        for i, pair in enumerate(zip(one, other, strict=True)):
            close(*pair, f"{path}/{i}")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-5, abs=1e-5), path
    else:
        assert one == other, path


@pytest.fixture(scope="module")
def alone(environment, tmp_path_factory):
    """The summary of one process on one device."""
    script, *options = SHORT
    out = tmp_path_factory.mktemp("alone")
    process = begin(environment, EXPERIMENTS / script, *options, "--out", out)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return summary_of(out)


@pytest.mark.slow
def test_two_processes_of_two_devices_change_nothing_and_one_speaks(environment, alone, tmp_path):
    script, *options = SHORT
    options += ["--out", tmp_path / "out", "--cpu-devices", 2]
    processes = together(environment, 2, EXPERIMENTS / script, *options)
    said = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, said, strict=True):
        assert process.returncode == 0, errors
    close(alone, summary_of(tmp_path / "out"))
    assert "v' = " in said[0][0]
    output, errors = said[1]
    assert "' = " not in output
    assert "chunk" not in errors


def value_of(out):
    return np.load(out.with_suffix(".npz"))["arr_0"]


@pytest.fixture(scope="module")
def whole(environment, tmp_path_factory):
    """The value of the small sweep in one process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    process = begin(environment, SCRIPT, out)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return value_of(out)


def test_eight_devices_change_nothing(environment, whole, tmp_path):
    process = begin(environment, SCRIPT, tmp_path / "out", "--cpu-devices", 8)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    np.testing.assert_allclose(value_of(tmp_path / "out"), whole, rtol=1e-12)


@pytest.mark.slow
def test_four_processes_change_nothing(environment, whole, tmp_path):
    processes = together(environment, 4, SCRIPT, tmp_path / "out")
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    np.testing.assert_allclose(value_of(tmp_path / "out"), whole, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_the_death_of_one_ends_the_others_by_name_and_one_resumes(
    environment, whole, tmp_path, victim
):
    out = tmp_path / "out"
    command = (SCRIPT, out, "--pause", 0.2)
    processes = together(environment, 2, *command)
    manifest = out / "sweep" / "manifest.json"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (
        manifest.exists() and json.loads(manifest.read_text())["chunks"]
    ):
        time.sleep(0.05)
    processes[victim].send_signal(signal.SIGKILL)
    start = time.monotonic()
    _, errors = processes[1 - victim].communicate(timeout=60)
    assert time.monotonic() - start < 60
    assert processes[1 - victim].returncode != 0
    # The runtime ends the others by itself when process 0, which holds it, is gone.
    assert re.search(rf"process {victim} of 2 died|Task {victim}|leader|task 0", errors), errors
    processes[victim].communicate()
    last = begin(environment, *command[:2], "--resume")
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    np.testing.assert_allclose(value_of(out), whole, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"coordinator": "host:1"}, "belong together"),
        ({"coordinator": "host:1", "processes": 2, "process": 2}, "--process must be 0 to 1"),
        ({"coordinator": "host", "processes": 2, "process": 0}, "must be HOST:PORT, not host"),
    ],
)
def test_options_that_contradict_each_other_are_one_sentence(given, words):
    with pytest.raises(ValueError, match=words):
        machines.start(**given)


def test_alone_every_process_is_this_one():
    assert machines.leader()
    assert (machines.process(), machines.processes()) == (0, 1)
    assert machines.any_of(True)
    assert not machines.any_of(False)
    assert machines.from_leader([1, 2]) == [1, 2]
    assert machines.resident() > 10**7
    with pytest.raises(ValueError, match="--devices 99: this machine has"):
        machines.devices(99)
