import numpy as np
import pytest
from written_tables import ROWS, T, X, holds, table

from nsindy.recording import check

OTHERS = [[t, 2 - x, v * x] for t, x, v in ROWS]
"""A second recording at the same times."""


def test_times_that_start_again_are_several_recordings(read):
    said = holds(read(table(ROWS + OTHERS + ROWS[:12])), ROWS, OTHERS)
    assert "left out rows 50 to 61, which stand elsewhere too" in said
    assert "time starts again at row 26: took 2 recordings" in said
    third = [[t, x - 0.5, v] for t, x, v in ROWS[:9]]
    # Fewer rows than a recording needs are left out, as long as there is another.
    said = holds(read(table(ROWS + OTHERS + third)), ROWS, OTHERS)
    assert "recording 3: left out, it has 9 rows" in said


def test_a_block_of_rows_repeated(read):
    for rows in (ROWS + ROWS, ROWS[:18] + ROWS[4:], ROWS + ROWS[3:15], ROWS[:12] + ROWS):
        said = holds(read(table(rows)), ROWS)
        assert "which stand elsewhere too" in said or "another row is identical" in said


@pytest.mark.parametrize("names", [(1, 2), ("A", "B"), (17, 4)])
@pytest.mark.parametrize("header", ["id", "Subject", "mouse no", "site"])
@pytest.mark.parametrize("by", [None, "given"])
def test_a_column_tells_recordings_apart(read, names, header, by):
    rows = [[names[0], *row] for row in ROWS] + [[names[1], *row] for row in OTHERS]
    found = read(table(rows, f"{header},t,x,v"), by=by and header)
    holds(found, ROWS, OTHERS)
    assert found.states == ("x", "v")
    said = f"column {header} tells 2 recordings apart, as --by {header} says"
    assert any(said in note for note in found.notes) == (by is None)
    # Also where rows of the recordings take turns.
    turns = [row for pair in zip(rows[:24], rows[24:], strict=True) for row in pair]
    holds(read(table(turns, f"{header},t,x,v"), by=by and header), ROWS, OTHERS)


def test_numbers_that_take_turns_tell_recordings_apart(read):
    rows = [[6 * t + k, f"{1 + k}:", x + k] for t, x, _ in ROWS for k in range(3)]
    found = read(table(rows, "", " "))
    holds(found, *([[6 * t + k, x + k] for t, x, _ in ROWS] for k in range(3)))
    # A valve that is opened at every other row is none.
    rows = [[t, x, k % 2] for k, (t, x, _) in enumerate(ROWS)]
    found = read(table(rows, "t,x,valve"))
    assert (found.states, found.inputs) == (("x",), ("valve",)) and len(found.parts) == 1


@pytest.mark.parametrize("words", (("OFF", "On"), ("nein", "ja")))
def test_a_switch_in_words_is_an_input(read, words):
    rows = [[t, x, v, words[8 <= k < 16]] for k, (t, x, v) in enumerate(ROWS)]
    found = read(table(rows, "t,x,v,pump"))
    assert (found.states, found.inputs) == (("x", "v"), ("pump",))
    assert found.parts[0].inputs.ravel().tolist() == [float(8 <= k < 16) for k in range(len(rows))]
    assert any("as 1 for" in note for note in found.notes)
    assert any("has few values" in note for note in found.notes)
    # What is asked for is done.
    assert read(table(rows, "t,x,v,pump"), states=["x", "pump"]).states == ("x", "pump")


@pytest.mark.parametrize(
    ("levels", "is_input"),
    [
        ([1.0, 3.0, 2.0, 5.0, 0.5, 4.0], True),
        # People in a room.
        ([27, 24, 0, 12, 24, 12, 0, 30], True),
        # A reading that is rounded, and one that comes to rest.
        ([1.0, 1.5, 2.0, 2.5, 3.0, 2.5], False),
        ([1.0, 1.2, 1.5, 1.6, 3.0, 4.0], False),
        # A sensor that is read now and then.
        (np.sin(np.arange(30) / 2) + 0.1 * np.cos(7 * np.arange(30)), False),
    ],
)
def test_what_stays_and_jumps_is_an_input(read, levels, is_input):
    times = np.arange(10 * len(levels)) / 10
    rows = np.stack([times, np.sin(times), np.repeat(levels, 10)], 1)
    found = read(table(rows.tolist(), "t,x,dose"))
    assert found.inputs == (("dose",) if is_input else ())
    assert any("stays for some rows and then jumps" in note for note in found.notes) == is_input


def test_times_increase_within_each_recording(read):
    """Of other lengths and steps, in a column that no word says is one of times."""
    rows = [
        [f"r{k}", (1 + k) * t, x + k] for k in range(3) for t, x, _ in ROWS[: len(ROWS) - 3 * k]
    ]
    found = read(table(rows, "run,pos,x"), by="run")
    assert found.states == ("x",) and len(found.parts) == 3
    # A counter of each recording is no state of a map.
    rows = [[f"r{k}", i, x + k] for k in range(3) for i, (_, x, _) in enumerate(ROWS)]
    assert read(table(rows, "run,gen,x"), by="run", steps=True).states == ("x",)


def test_a_mark_of_what_is_missing_is_no_value(read):
    rows = [[t, x, -999 if k in (4, 9) else v] for k, (t, x, v) in enumerate(ROWS)]
    found = read(table(rows, "t,x,v"))
    assert len(found.parts[0].times) == len(ROWS) - 2 or np.isnan(found.parts[0].states).sum() == 2
    assert "took -999 in column v for a missing value" in " ".join(found.notes)


def test_an_input_of_few_values_does_not_split_a_recording(read):
    rows = [[t, x, v, int(8 <= k < 16)] for k, (t, x, v) in enumerate(ROWS)]
    rows.insert(5, [rows[4][0], *[value + 0.1 for value in rows[4][1:3]], 0])
    found = read(table(rows, "t,x,v,heater"), inputs=["heater"])
    assert len(found.parts) == 1 and found.inputs == ("heater",)
    assert "averaged row 7 with the row of the same time" in " ".join(found.notes)
    assert len(read(table(rows, "t,x,v,heater")).parts) == 1


def test_a_parameter_of_recordings_is_an_input_where_it_is_called_one(read):
    rows = [[*row, 3] for row in ROWS] + [[*row, 5] for row in OTHERS]
    found = read(table(rows, "t,x,v,A"), inputs=["A"])
    assert (found.states, found.inputs, len(found.parts)) == (("x", "v"), ("A",), 2)
    assert found.parts[1].inputs[0, 0] == 5
    found = read(table(rows, "t,x,v,A"), states=["x", "v", "A"])
    assert found.states == ("x", "v")
    assert "--inputs A makes it a parameter" in " ".join(found.notes)
    found = check.check_arrays([T, T], [np.c_[X, 0 * T + 3], np.c_[X, 0 * T + 5]])
    assert found.states == ("x", "y") and "given among the inputs" in found.notes[0]


def test_one_parameter_of_several_recordings_is_an_input_that_nobody_named(read):
    """Of two such columns nobody knows which acts, and of two values every function is a line."""

    def rows(*levels):
        each = enumerate(levels, 1)
        return [[run, *row, *level] for run, level in each for row in ROWS]

    found = read(table(rows([3], [5], [8]), "run,t,x,v,A"))
    assert (found.states, found.inputs, len(found.parts)) == (("x", "v"), ("A",), 3)
    assert "column A, which is constant in each recording, as an input" in " ".join(found.notes)
    for levels, more in (([[3], [5], [3]], "A"), ([[3, 1], [5, 4], [8, 2]], "A,B")):
        found = read(table(rows(*levels), f"run,t,x,v,{more}"))
        assert (found.states, found.inputs, len(found.parts)) == (("x", "v"), (), 3)
    found = read(table(rows([3], [5], [8]), "run,t,x,v,A"), states=["x", "v"])
    assert found.inputs == ()


def test_short_recordings_are_left_out_beside_longer_ones(read):
    rows = [[1, *row] for row in ROWS] + [[2, *row] for row in OTHERS[:5]]
    said = holds(read(table(rows, "id,t,x,v")), ROWS)
    assert "left out id 2, which has 5 rows" in said
    with pytest.raises(ValueError, match="id 1: 5 samples are too few; give at least 10"):
        read(table([[1, *row] for row in ROWS[:5]] + rows[-5:], "id,t,x,v"), by="id")


@pytest.mark.parametrize("header", ["box,d,x,v", "box,x,d,v"])
def test_what_numbers_blocks_of_rows_is_no_time(read, header):
    """Though it never falls, and no word says which column is one of times."""
    rows = [[k, t, 1 + x + k, v] for k in range(1, 5) for t, x, v in ROWS]
    if header == "box,x,d,v":
        rows = [[k, x, t, v] for k, t, x, v in rows]
    found = read(table(rows, header))
    said = holds(found, *([[t, 1 + x + k, v] for t, x, v in ROWS] for k in range(1, 5)))
    assert "used column d as the times" in said
    assert "column box tells 4 recordings apart, as --by box says" in said


def test_a_first_column_that_rises_in_steps_is_the_time_where_none_starts_again(read):
    rows = [[k // 2, x, v] for k, (_, x, v) in enumerate(ROWS)]
    found = read(table(rows, "d,x,v"))
    assert found.states == ("x", "v") and len(found.parts) == 1
    np.testing.assert_array_equal(found.parts[0].times, np.arange(len(ROWS) // 2))
