"""How long a person waits is measured to the equations, and compared file by file."""

import subprocess
import sys

import bench_speed
import numpy as np
import pytest
from support import speed_answers

SLOW_REPORT = """
import time
print("note: y' = nothing yet", flush=True)
print("x' = -1.0 x", flush=True)
time.sleep(0.5)
print("wrote it")
"""


def test_equations_are_waited_for_and_not_the_report():
    found = speed_answers.wait([sys.executable, "-c", SLOW_REPORT], {})
    assert found.said.splitlines()[-1] == "wrote it"
    assert 0 < found.equations <= found.end - 0.5
    silent = speed_answers.wait([sys.executable, "-c", "print(1)"], {})
    assert silent.equations == silent.end > 0
    with pytest.raises(subprocess.CalledProcessError):
        speed_answers.wait([sys.executable, "-c", "raise SystemExit(1)"], {})


@pytest.mark.parametrize(("status", "found"), ((0, True), (3, False)))
def test_an_approximation_is_waited_for_too_and_told(status, found):
    waited = speed_answers.wait([sys.executable, "-c", f"raise SystemExit({status})"], {})
    assert waited.found == found


def test_medians_and_worst_stand_beside_pysindy_on_the_same_file():
    rows = [
        {"seconds": 2.0, "report": 4.0, "second_call": None, "pysindy": 4.0},
        {"seconds": 3.0, "report": 4.5, "second_call": 0.5, "pysindy": 2.0},
        {"seconds": 2.5, "report": 5.0, "second_call": 1.0, "pysindy": 5.0},
    ]
    answers = speed_answers.Waits(rows, 1.0, 0.8, 60.0, [7.0, 8.0])
    value = {row.name: row.value for row in bench_speed.waited(answers)}
    assert value["a new file, warm cache: seconds, median"] == 2.5
    assert value["a new file, warm cache: seconds, worst"] == 3.0
    assert value["the same after imports: seconds, worst"] == 2.0
    assert value["a new file : PySINDy on the same, worst"] == 1.5
    assert value["a new file : PySINDy on the same, median"] == 0.5
    assert value["a call on another size : PySINDy on the same, worst"] == 0.25
    assert value["a first file, empty cache, worst: seconds"] == 8.0
    without = [row | {"pysindy": None} for row in rows]
    names = [row.name for row in bench_speed.waited(answers._replace(rows=without))]
    assert not [name for name in names if "grid" in name or " : " in name]


def test_files_have_the_rows_and_states_that_they_say(tmp_path):
    for number in range(3):
        path = speed_answers._write(tmp_path / "file.csv", 100 + number, number)
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        assert table.shape == (100 + number, 2 + number)
        assert np.isfinite(table).all()
