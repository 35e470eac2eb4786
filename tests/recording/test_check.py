import json
import math
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nsindy.recording import check
from nsindy.recording.repair import FEWEST

T = np.arange(12) * 0.5
X = np.column_stack([np.sin(T), np.cos(T)])


def table(rows, header="t,x,v", separator=","):
    lines = [separator.join(map(str, row)) for row in rows]
    return "\n".join([header.replace(",", separator)] * bool(header) + lines) + "\n"


ROWS = [[t, *x] for t, x in zip(T, X, strict=True)]


@pytest.fixture
def file(tmp_path):
    def write(content, name="river.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def valid(found):
    """What every user of recordings relies on."""
    assert found.parts
    names = found.states + found.inputs
    assert len(set(names)) == len(names) and all(map(str.isidentifier, names))
    for part in found.parts:
        n = len(part.times)
        assert n >= FEWEST
        assert part.states.shape == (n, len(found.states)) and found.states
        assert part.inputs.shape == (n, len(found.inputs))
        assert all(a.dtype == np.float64 and not np.any(np.isinf(a)) for a in part)
        assert np.all(np.isfinite(part.times))
        assert np.all(np.sum(np.isfinite(part.states), 0) >= FEWEST)
        assert np.all(np.isfinite(part.inputs).any(0))
        assert np.all(np.diff(part.times) > 0)
    every = np.concatenate([np.hstack(part[1:]) for part in found.parts])
    assert np.all(np.nanmax(every, axis=0) > np.nanmin(every, axis=0))
    assert all("\n" not in note for note in found.notes)


def sentence(error):
    text = str(error.value if hasattr(error, "value") else error)
    assert text and "\n" not in text and len(text) < 2000
    return text


# Files that are read as they are meant.


@pytest.mark.parametrize(
    "content",
    [
        table(ROWS),
        "\ufeff" + table(ROWS),
        table(ROWS).replace("\n", "\r\n"),
        table(ROWS).replace("\n", "\r"),
        table(ROWS, separator=";"),
        table(ROWS, separator="\t"),
        table(ROWS, separator="   "),
        table(ROWS, separator=", "),
        table(ROWS, separator=" \t"),
        table(ROWS, separator=";").replace(".", ","),
        table(ROWS, separator="\t").replace(".", ","),
        "# a comment, with words\n\n" + table(ROWS) + "\n\n",
        "# t,x,v\n" + table(ROWS, header=""),
        table(ROWS).replace("t,x,v", '"t","x","v"'),
        table(ROWS).replace("t,x,v", "t,x,v\ns,m,m/s"),
        table(ROWS).replace("\n", ",\n"),
        table(ROWS).replace("\n", ",\n").replace("v,", "v"),
        table([[x, t, v] for t, x, v in ROWS], header="x,Time (s),v"),
        table([[k, *row] for k, row in enumerate(ROWS)], header=",t,x,v"),
        table([[k, *row] for k, row in enumerate(ROWS, 1)], header="id,t,x,v"),
        table([[*row, "ok"] for row in ROWS], header="t,x,v,remark"),
        table([[*row, "late" if row[0] == 2 else ""] for row in ROWS], header="t,x,v,remark"),
        table([["A12", *row] for row in ROWS], header="sensor,elapsed,x,v"),
        "Logger v3.1\nSerial: 12\n\n" + table(ROWS),
        table([[f"2024-03-01T12:00:{t:09.6f}", x, v] for t, x, v in ROWS]),
        table([[f"2024-02-28 23:59:{t + 57:09.6f}Z", x, v] for t, x, v in ROWS[:6]])
        + table([[f"2024-02-29 00:00:{t - 3:09.6f}Z", x, v] for t, x, v in ROWS[6:]], ""),
        table([[f"2024-03-01T12:00:{t:06.3f}", x, v] for t, x, v in ROWS], "", ";").replace(
            ".", ","
        ),
    ],
)
def test_the_same_recording_in_many_ways_of_writing(file, content):
    found = check.read_recordings(file(content))
    valid(found)
    assert found.states in (("x", "v"), ("x", "y"))
    np.testing.assert_array_equal(found.parts[0].times, T)
    np.testing.assert_array_equal(found.parts[0].states, X)


def test_a_file_without_header(file):
    path = file(table(ROWS, header=""))
    found = check.read_recordings(path)
    assert found.states == ("x", "y")
    np.testing.assert_array_equal(found.parts[0].states, X)
    found = check.read_recordings(path, states=["3"], inputs=["2"])
    assert (found.states, found.inputs) == (("x",), ("u",))
    np.testing.assert_array_equal(found.parts[0].states[:, 0], X[:, 1])
    assert check.read_recordings(path, states=["3"]).states == ("x",)


def test_columns_by_name_and_number(file):
    path = file(table([[*row, "ok"] for row in ROWS], header="clock,x,v,remark"))
    found = check.read_recordings(path, time="clock", states=["v"], inputs=["2"])
    assert (found.states, found.inputs) == (("v",), ("x",))
    np.testing.assert_array_equal(found.parts[0].inputs[:, 0], X[:, 0])
    found = check.read_recordings(path)
    assert found.states == ("x", "v") and "left out column remark" in "".join(found.notes)
    for options, said in (
        ({"states": ["x", "remark"]}, "row 2, column remark: 'ok' is not a number"),
        ({"states": ["y"]}, "has no column 'y'; its columns are clock, x, v, remark"),
        ({"time": "5"}, "has no column '5'"),
        ({"states": ["x", "x"]}, "column 'x' is chosen twice"),
        ({"states": ["x"], "inputs": ["2"]}, "column 'x' is chosen twice"),
        ({"states": []}, "has no column for a state"),
    ):
        with pytest.raises(ValueError, match=said):
            check.read_recordings(path, **options)


def test_dates_are_times_since_the_first(file):
    days = ["2023-12-30", "2023-12-31", *(f"2024-01-{k:02}" for k in range(1, 11))]
    rows = [[day, *x] for day, x in zip(days, X, strict=True)]
    found = check.read_recordings(file(table(rows, "Day,x,v")))
    np.testing.assert_array_equal(found.parts[0].times, np.arange(12))
    assert "river.csv: read column Day as days since 2023-12-30" in "".join(found.notes)
    rows[3][0] = "2024-01-02 12:00"
    found = check.read_recordings(file(table(rows, "Day,x,v")))
    assert found.parts[0].times[3] == 3.5 * 86400
    assert "as seconds since 2023-12-30 00:00:00" in "".join(found.notes)
    rows[3][0] = ""
    assert len(check.read_recordings(file(table(rows, "Day,x,v"))).parts[0].times) == 11
    for cell in ("5", "soon", "31.12.2023"):
        rows[3][0] = cell
        with pytest.raises(
            ValueError, match=f"row 5, column Day: '{cell}' is not a date like those"
        ):
            check.read_recordings(file(table(rows, "Day,x,v")))


def test_what_counts_the_rows_is_kept_where_nothing_else_is_left(file):
    rows = [[t, k] for k, (t, *_) in enumerate(ROWS)]
    assert check.read_recordings(file(table(rows, "t,count"))).states == ("count",)


def test_numbers_with_other_marks_are_no_words(file):
    rows = [[t, x, v if t else f"{v} m/s"] for t, x, v in ROWS]
    with pytest.raises(ValueError, match=r"row 2, column v: '1.0 m/s' is not a number"):
        check.read_recordings(file(table(rows)))


def test_shuffled_rows_are_sorted_and_said(file):
    order = np.random.default_rng(0).permutation(len(ROWS))
    found = check.read_recordings(file(table([ROWS[i] for i in order])))
    np.testing.assert_array_equal(found.parts[0].states, X)
    assert found.notes[0].endswith(f"sorted {np.sum(order != np.arange(12))} rows by time")
    with pytest.raises(
        ValueError, match=r"no column is called t or time, and none increases; if .* --time 1"
    ):
        check.read_recordings(file(table([ROWS[i] for i in order], header="")))
    # T may be a temperature: taken as times by its place only.
    found = check.read_recordings(
        file(table([[*row[:2], 9 - row[2]] for row in ROWS], header="h,x,T"))
    )
    assert found.states == ("x", "T")


def test_repeated_rows_are_dropped_and_said(file):
    found = check.read_recordings(file(table(ROWS[:4] + ROWS[3:])))
    np.testing.assert_array_equal(found.parts[0].times, T)
    assert found.notes[0].endswith("dropped row 6: another row is identical")


@pytest.mark.parametrize("cell", ["", "nan", "NA", "n/a", "-", "inf", "-Infinity", "1e999"])
def test_few_missing_values_are_dropped_and_said(file, cell):
    rows = [list(row) for row in ROWS]
    rows[4][1] = cell
    found = check.read_recordings(file(table(rows)))
    np.testing.assert_array_equal(found.parts[0].times, np.delete(T, 4))
    assert found.notes[0].endswith("dropped row 6: a value is missing or infinite")
    rows[2][2] = cell
    # More than a tenth of the rows: the cells are no measurements.
    found = check.read_recordings(file(table(rows)))
    np.testing.assert_array_equal(found.parts[0].times, T)
    assert np.argwhere(np.isnan(found.parts[0].states)).tolist() == [[2, 1], [4, 0]]
    assert "of 12 rows x in 11, v in 11 are measured: a state is fitted" in found.notes[-1]
    rows[3][1] = rows[5][1] = cell
    with pytest.raises(ValueError, match="in all but 9 rows of column x; give at least 10, or lea"):
        check.read_recordings(file(table(rows)))


def test_recordings_in_one_file_are_not_mixed(file):
    later = [[t + 0.01, x, v] for t, x, v in ROWS]
    found = check.read_recordings(file(table(ROWS + later)))
    valid(found)
    assert found.notes[0].endswith("time starts again at row 14: took 2 recordings")
    for part, rows in zip(found.parts, (ROWS, later), strict=True):
        np.testing.assert_array_equal(np.column_stack([part.times, part.states]), rows)
    # Halves in the wrong order, and neighbours that were swapped, are one recording.
    t = np.arange(40.0)
    for order in (np.roll(t, 20), np.r_[t[:19], 20, 19, t[21:]], t[::-1]):
        found = check.check_arrays(order, np.sin(order))
        np.testing.assert_array_equal(found.parts[0].times, t)


def test_a_gap_is_said():
    t = np.r_[np.arange(10.0), np.arange(40.0, 50.0)]
    said = "there is a gap of 31 in time between rows 9 and 10, 31 times the usual step"
    assert check.check_arrays(t, np.sin(t)).notes == (said,)


def test_a_cut_last_row_is_dropped(file):
    text = table(ROWS)
    found = check.read_recordings(file(text[: text.rindex(",")]))
    assert len(found.parts[0].times) == 11
    assert "dropped row 13" in found.notes[0]


def test_several_files(file):
    paths = [file(table(ROWS), "a.csv"), file(table([[x, t] for t, x, _ in ROWS], "x,t"), "b.csv")]
    with pytest.raises(ValueError, match=r"b.csv has the columns x, .*a.csv has x, v; choose"):
        check.read_recordings(paths)
    found = check.read_recordings(paths, states=["x"])
    valid(found)
    assert len(found.parts) == 2


def test_names_that_equations_can_be_written_with(file):
    header = "t,Größe (mm),x-y,λ,lambda,2nd"
    rows = np.column_stack([T, *np.random.default_rng(0).normal(size=(5, 12))])
    found = check.read_recordings(file(table(rows, header)))
    valid(found)
    assert found.states == ("Größe", "x_y", "λ", "lambda_", "x_2nd")
    assert any("column 'x-y' was renamed x_y" in note for note in found.notes)
    assert check.check_arrays(T, X, states=["x y", "x_y"]).states == ("x_y_2", "x_y")


# What is refused.


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("\n \n", "is empty"),
        ("t,x\n", "has no row of numbers"),
        ("t,x\ns,m\n", "has no row of numbers"),
        ("t\n1\n2\n", "has no column for a state"),
        ("1/2\n3/4\n", "has no row of numbers"),
        (b"\x00\x01\x02\x03", "is not text at row 1"),
        (bytes(range(256)), "is not text"),
        (b"\xff\xfea", "is not text: it begins as UTF-16"),
        (b"\x1f\x8b\x08\x00", "cannot be unpacked"),
        (b"PK\x03\x04", "is damaged"),
        (b"\x93NUMPY\x01\x00", "is damaged"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file; call nsindy.discover"),
        (table(ROWS).replace("0.5,", "0.5x,"), "row 3, column t: '0.5x' is not a number"),
        (table(ROWS).replace("0.5,", "2024-01-01,"), "row 3, column t: '2024-01-01'"),
        (table(ROWS).replace("0.5,", "1_000,"), "'1_000' is not a number"),
        (table(ROWS) + "9,1,2,3\n", "row 14 has 4 cells, not 3"),
        (table(ROWS).replace(".", ","), "cells, not 3"),
        (table(ROWS, separator=";").replace("0.5;", "0,5;"), "a comma in the numbers of row 3 and"),
        (table([[t, 5, 7] for t, *_ in ROWS]), "column x is constant, 5 in every row; no state is"),
        (table(ROWS[:9]), "9 samples are too few; give at least 10"),
        (
            table([[t, x, v * 1e200] for t, x, v in ROWS]),
            "column v reaches 1.*; give it in another",
        ),
        (table([[t * 1e-200, x, v] for t, x, v in ROWS]), "column t reaches 5.5e-200"),
        (table(ROWS).replace("\n1.0,", '\n"1.0,'), "row 4: a quote is not closed"),
        (table(ROWS) + '9,"' + "1" * 200_000, "row 14: a quote is not closed"),
        ("1" * 1_000_000, "is not text at row 1"),
        (
            10 * (",".join(map(str, range(200))) + "\n"),
            "200 columns of states and inputs are too many",
        ),
    ],
)
def test_refused_files(file, content, said):
    with pytest.raises(ValueError, match=said) as error:
        check.read_recordings(file(content))
    assert "river.csv" in sentence(error) or "columns of states" in sentence(error)


def test_paths_that_are_no_files(tmp_path):
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.csv", "No such file"),
        (tmp_path / ("n" * 5000), "too long"),
        ("a\0b", "null"),
        ("", "is a folder"),
        ([], "there is no file to read"),
    ):
        with pytest.raises(ValueError, match=said):
            check.read_recordings(path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="is not a regular file"):
            check.read_recordings(path)


def test_a_pickle_is_text_that_is_refused(file, tmp_path):
    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    with pytest.raises(ValueError, match="is not text"):
        check.read_recordings(file(pickle.dumps(Harm()), "a.npy"))
    np.save(tmp_path / "b.npy", np.array([Harm()] * 20, dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="holds Python objects, which are not read"):
        check.read_recordings(tmp_path / "b.npy")
    assert not (tmp_path / "harm").exists()


@pytest.mark.slow
@pytest.mark.unmeasured
def test_a_million_rows(tmp_path):
    t = np.arange(1_000_000) * 0.001
    path = tmp_path / "long.csv"
    lines = (f"{a:.3f},{b:.6f}\n" for a, b in zip(t.tolist(), np.sin(t).tolist(), strict=True))
    path.write_text("t,x\n" + "".join(lines))
    begin = time.process_time()
    found = check.read_recordings(path)
    assert time.process_time() - begin < 20
    np.testing.assert_allclose(found.parts[0].times, t, atol=1e-9)


# Arrays.


def test_arrays_lists_and_other_types():
    for t, x in (
        (T, X),
        (T[:, None], X),
        (T.tolist(), X.tolist()),
        (T.astype(object), X.astype(str)),
        (np.asfortranarray(T), np.ma.masked_array(X, np.zeros_like(X, bool))),
    ):
        found = check.check_arrays(t, x)
        valid(found)
        np.testing.assert_array_equal(found.parts[0].states, X)
        assert found.states == ("x", "y") and found.notes == ()
    wide = np.column_stack([X**2, X + T[:, None]])
    assert check.check_arrays(T, wide, inputs=X).states == ("x0", "x1", "x2", "x3")
    assert check.check_arrays(T, wide[:, 1:], inputs=X).states == ("x", "y", "z")
    assert check.check_arrays(T, wide, inputs=X).inputs == ("u0", "u1")
    found = check.check_arrays(T, X[:, 0], inputs=X[:, 1])
    assert (found.states, found.inputs) == (("x",), ("u",))
    found = check.check_arrays([T, T[:11]], [X, X[:11]], inputs=[T, T[:11]], states=("x", "v"))
    valid(found)
    assert [part.inputs.shape for part in found.parts] == [(12, 1), (11, 1)]


def test_arrays_are_not_changed_and_not_shared():
    t, x = T[::-1].copy(), X[::-1].copy()
    found = check.check_arrays(t, x)
    np.testing.assert_array_equal(found.parts[0].times, T)
    np.testing.assert_array_equal(t, T[::-1])
    assert not any(np.shares_memory(t, a) or np.shares_memory(x, a) for a in found.parts[0])


def test_a_row_whose_state_is_missing_keeps_its_input():
    """A controller's step in that row acts until the next."""
    x, u = X.copy(), np.repeat([1.0, 4.0, 2.0], 4)
    x[4] = np.nan
    found = check.check_arrays(T, x, inputs=u)
    np.testing.assert_array_equal(found.parts[0].times, T)
    np.testing.assert_array_equal(found.parts[0].inputs[:, 0], u)
    assert np.isnan(found.parts[0].states[4]).all()
    (note,) = found.notes
    assert "of 12 rows x in 11, y in 11 are measured: a state is fitted where it was" in note


def test_masked_values_are_missing():
    x = np.ma.masked_array(X, np.zeros_like(X, bool))
    x[3, 1] = np.ma.masked
    assert check.check_arrays(T, x).notes == ("dropped row 3: a value is missing or infinite",)
    values = X.astype(object)
    values[3, 1] = None
    assert len(check.check_arrays(T, values).parts[0].times) == 11


@pytest.mark.parametrize(
    ("t", "x", "more", "said"),
    [
        (T, X.T, {}, "t has 12 times but x has 2 rows; give its transpose, x.T"),
        (T, X[:5], {}, "t has 12 times but x has 5 rows"),
        (T, X[None, None], {}, r"x has the shape \(1, 1, 12, 2\)"),
        (T, X[:, :0], {}, r"x has the shape \(12, 0\)"),
        (-0.1, X, {}, r"t is the step -0.1; give a positive number"),
        (None, X, {}, r"t is missing; give times \[N\], or the step .* nsindy.discover\(0.01, x\)"),
        (T, X + 0j, {}, "x holds complex128"),
        (T, np.datetime64("2024-01-01") + np.arange(12), {}, "x holds datetime64"),
        (T, [["a", "b"]] * 12, {}, r"x\[0, 0\] is 'a', not a number"),
        (T, [[1, 2], [3]], {}, "x is not a regular array"),
        (T, X, {"inputs": T[:3]}, "t has 12 times but inputs has 3 rows"),
        (T, X, {"states": ["x"]}, "1 names for 2 states; give 2"),
        (T, X, {"states": ["x", 3]}, "must be words"),
        (T, X, {"states": ["x", "x"]}, "the name 'x' is given twice"),
        (T, X, {"inputs": T, "input_names": ["x"], "states": ["x", "v"]}, "given twice"),
        ([T, T], [X], {}, "lists of trajectories differ in length"),
        ([T, T], [X, X], {"inputs": [T]}, "lists of trajectories differ in length"),
        ([T, T], [X, X[:, :1]], {}, "trajectory 1 has 1 states and 0 inputs"),
        ([T, T], [X, X * np.nan], {}, "trajectory 1: a value is missing or infinite in all but 0 "),
        ([], [], {}, "0 samples are too few"),
        (T, {}, {}, "x has no columns"),
        (T, None, {}, r"x has the shape \(\)"),
        (T, [10**400] * 12, {}, "not a number"),
        (T * 0, X, {}, "rows 0 and 1 have the same time 0"),
        (T, X * 0 + 3, {}, "column x is constant, 3"),
        (T, np.ones((12, 101)), {}, "101 columns"),
        (T, 1 + 1e-16 * X, {}, "column x is constant"),
        (np.r_[0.0, 1e-200, T[2:]], X, {}, "times are less than"),
        (T, X * 1e32, {}, "column x reaches .*; give it in another unit"),
        (T, X * 1e-32, {}, "column x reaches .*; give it in another unit"),
    ],
)
def test_refused_arrays(t, x, more, said):
    with pytest.raises(ValueError, match=said) as error:
        check.check_arrays(t, x, **more)
    sentence(error)


def test_scales_are_kept():
    for scale in (1e-9, 1e9, 1e-28, 1e28):
        found = check.check_arrays(T * scale, X / scale)
        np.testing.assert_array_equal(found.parts[0].times, T * scale)
        np.testing.assert_array_equal(found.parts[0].states, X / scale)


# The scripts.

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def run(script, *words):
    command = [sys.executable, str(EXPERIMENTS / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_recordings_that_the_project_makes(tmp_path):
    run("make_recordings.py", "--out", tmp_path)
    found = check.read_recordings(tmp_path / "hares_and_lynxes.csv")
    assert (found.states, found.parts[0].states.shape) == (("hare", "lynx"), (21, 2))
    assert found.notes == (f"{tmp_path / 'hares_and_lynxes.csv'}: used column year as the times",)
    np.testing.assert_array_equal(found.parts[0].times, np.arange(1900, 1921))
    found = check.read_recordings(tmp_path / "van_der_pol.csv")
    assert (found.states, found.parts[0].states.shape) == (("x", "y"), (400, 2))


@pytest.mark.slow
def test_the_fuzz_counts_every_recording(tmp_path):
    said = run("fuzz.py", "--count", 330, "--discover", 0, "--out", tmp_path)
    assert "330 recordings, 0 failures" in said
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failures"] == []
    assert all(row["refused"] + row["accepted"] == row["count"] == 10 for row in summary["rows"])


# Anything at all: a valid answer or one sentence.


def fuzz(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


WIDE = st.floats(allow_nan=True, allow_infinity=True)
SMALL = st.floats(-10, 10).map(lambda value: round(value, 2))
CELL = st.one_of(
    SMALL.map(str),
    WIDE.map(str),
    st.integers().map(str),
    st.sampled_from(["", "nan", "NA", "1,5", "1.234,5", '"', '"1', "#", "1e999", "0x1", "١", "-"]),
    st.text(max_size=5),
)
NAME = st.one_of(
    st.sampled_from(["t", "x", "time", "T [s]", "θ̇", "x'", "lambda"]), st.text(max_size=6)
)


@st.composite
def near_tables(draw):
    """A table that is right but for a few cells, rows, separators or the header."""
    n, d = draw(st.integers(8, 30)), draw(st.integers(0, 3).map(lambda d: d or 1))
    order = draw(st.sampled_from(["sorted", "sorted", "drawn"]))
    cells = [
        [str(v) for v in draw(st.lists(SMALL, min_size=d + 1, max_size=d + 1))] for _ in range(n)
    ]
    if order == "sorted":
        for i, row in enumerate(cells):
            row[0] = str(i / 8)
    for _ in range(draw(st.integers(0, 2)) if n else 0):
        cells[draw(st.integers(0, n - 1))][draw(st.integers(0, d))] = draw(CELL)
    for _ in range(draw(st.integers(0, 1)) if n else 0):
        row = cells[draw(st.integers(0, n - 1))]
        row[:] = draw(st.sampled_from([[], row[:-1], [*row, *row], ["#", *row]]))
    header = draw(st.lists(NAME, min_size=d + 1, max_size=d + 1, unique_by=str.strip))
    separator = draw(st.sampled_from([",", ";", "\t", " ", "  ", ", ", ",", ";", "|", ";;"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    text = end.join(
        separator.join(row) for row in ([header] if draw(st.booleans()) else []) + cells
    )
    if draw(st.integers(0, 3)) == 0:
        text = text.replace(".", draw(st.sampled_from([",", "."])))
    return draw(st.sampled_from(["", "\ufeff", "# t x\n"])) + text


def answers(call):
    try:
        found = call()
    except ValueError as error:
        sentence(error)
        return None
    valid(found)
    return found


@fuzz(500)
@given(text=near_tables(), encoding=st.sampled_from(["utf-8"] * 6 + ["utf-16", "utf-8-sig"]))
@pytest.mark.unmeasured
def test_any_table(tmp_path, text, encoding):
    path = tmp_path / "any.csv"
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    answers(lambda: check.read_recordings(path))


@fuzz(200)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda s: s.encode())))
@pytest.mark.unmeasured
def test_any_bytes(tmp_path, content):
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    answers(lambda: check.read_recordings(path))


ARRAY = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int8, np.bool_, np.complex128, np.dtype("U3")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=12),
)
ANYTHING = st.one_of(
    ARRAY, st.none(), st.text(max_size=3), st.lists(ARRAY, max_size=3), st.lists(st.lists(WIDE))
)


@fuzz(200)
@given(t=ANYTHING, x=ANYTHING, inputs=ANYTHING)
@pytest.mark.unmeasured
def test_any_objects(t, x, inputs):
    answers(lambda: check.check_arrays(t, x, inputs=inputs))


@fuzz(600)
@given(
    data=st.data(),
    n=st.integers(8, 40),
    d=st.integers(1, 3),
    scale=st.sampled_from([1e-300, 1e-9, 1.0, 1e9, 1e200]),
)
@pytest.mark.unmeasured
def test_any_values(data, n, d, scale):
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    t, x = np.sort(draw.normal(size=n)) * scale, draw.normal(size=(n, d)) * scale
    bad = {}
    for _ in range(data.draw(st.integers(0, 3))):
        i, j = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, d - 1))
        x[i, j] = bad[i] = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    for _ in range(data.draw(st.integers(0, 1))):
        t[data.draw(st.integers(0, n - 1))] = data.draw(WIDE)
    order = draw.permutation(n)
    found, shuffled = (
        answers(lambda rows=rows: check.check_arrays(t[rows], x[rows]))
        for rows in (np.arange(n), order)
    )
    assert (found is None) == (shuffled is None)
    if found is not None:
        whole = np.isfinite(found.parts[0].states).all(1)
        assert np.sum(whole) <= n - len(bad)
        for a, b in zip(found.parts[0], shuffled.parts[0], strict=True):
            np.testing.assert_array_equal(a, b)
