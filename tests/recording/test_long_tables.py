import numpy as np
import pytest
from written_tables import ROWS, holds, matrix, table

from nsindy.recording import check

LONG = [[t, name, value] for t, *x in ROWS for name, value in zip("xv", x, strict=True)]


@pytest.mark.parametrize("header", ["t,variable,value", "time,sensor,reading", ""])
@pytest.mark.parametrize("order", ["by time", "by name"])
def test_long_tables(read, header, order):
    rows = LONG if order == "by time" else sorted(LONG, key=lambda row: row[1] == "v")
    found = read(table(rows, header))
    said = holds(found, ROWS)
    assert found.states == ("x", "v")
    assert "as variables: x, v" in said
    found = read(table(rows, header), states=["v"], inputs=["x"])
    assert (found.states, found.inputs) == (("v",), ("x",))


@pytest.mark.parametrize(
    ("header", "words", "several"),
    [
        ("assay,t,S", ("first", "second"), True),
        ("beaker,t,S", ("B0", "B1"), True),
        ("beaker,t,S", ("beaker a", "beaker b"), True),
        ("beaker,t,S", ("left", "right"), False),
        ("room,t,temperature", ("room 1", "room 2"), False),
    ],
)
def test_words_that_count_are_recordings_and_others_are_variables(read, header, words, several):
    rows = [[words[0], t, x] for t, x, _ in ROWS] + [[words[1], t, v] for t, _, v in ROWS]
    found = read(table(rows, header))
    assert len(found.parts) == (2 if several else 1)
    assert len(found.states) == (1 if several else 2)


def test_rows_of_a_map_are_told_apart_by_words_that_count(read):
    rows = [[f"s{k}", n, x + k] for k in range(4) for n, (_, x, _) in enumerate(ROWS[:14])]
    found = read(table(rows, "stock,n,N"), steps=True)
    assert (found.states, len(found.parts)) == (("N",), 4)


def test_remarks_are_no_variables(read):
    rows = [[t, "ok" if t < 8 else "late", x] for t, x, _ in ROWS]
    found = read(table(rows, "t,remark,x"))
    assert found.states == ("x",) and len(found.parts) == 1


def test_marks_of_quality_all_along_are_no_variables(read):
    rows = [[t, "good" if k % 5 % 2 else "poor", v] for k, (t, _, v) in enumerate(ROWS)]
    said = holds(read(table(rows, "t,quality,level_cm")), [[t, v] for t, _, v in ROWS])
    assert "left out column quality, which contains words" in said


def test_variables_at_times_of_their_own_are_gaps(read):
    rows = [row for row in LONG if row[1] == "x" or row[0] % 1 == 0]
    wide = np.array(ROWS)
    wide[1::2, 2] = np.nan
    found = read(table(rows, "t,variable,value"))
    assert found.states == ("x", "v")
    np.testing.assert_array_equal(matrix(found), wide)
    assert any("of 24 rows v in 12 are measured" in note for note in found.notes)
    # The same as empty cells, and as arrays.
    text = table(wide.tolist()).replace("nan", "")
    np.testing.assert_array_equal(matrix(read(text)), wide)
    np.testing.assert_array_equal(matrix(check.check_arrays(wide[:, 0], wide[:, 1:])), wide)
    # A time without any measurement says nothing.
    wide[3, 1:] = np.nan
    found = check.check_arrays(wide[:, 0], wide[:, 1:])
    np.testing.assert_array_equal(matrix(found), np.delete(wide, 3, 0))


@pytest.mark.parametrize("order", ["by time", "by name"])
@pytest.mark.parametrize("header", ["week,market,price_eur", "day,country,biomass (kg)"])
def test_words_that_name_recordings_of_one_quantity(read, header, order):
    rows = [[t, "N", v] for t, _, v in ROWS] + [[t, "S", 1 + v] for t, _, v in ROWS]
    rows = sorted(rows, key=lambda row: row[0]) if order == "by time" else rows
    found = read(table(rows, header))
    said = holds(found, [[t, v] for t, _, v in ROWS], [[t, 1 + v] for t, _, v in ROWS])
    label = header.split(",")[1]
    assert f"column {label} tells 2 recordings apart, as --by {label} says; if its words" in said
    as_said = header.replace(label, "variable")
    assert read(table(rows, as_said)).states == ("N", "S")


@pytest.mark.parametrize(
    ("header", "words", "scale"),
    [
        ("t,species,biomass", ("hare", "lynx"), 1),
        ("t,substance,concentration", ("A", "B"), 1),
        ("t,sensor,temperature", ("oven", "door"), 1),
        # Generic values, parts of one thing, and other scales.
        ("t,market,value", ("N", "S"), 1),
        ("t,box,reading_mV", ("N", "S"), 1),
        ("t,plate,temperature", ("inner", "outer"), 1),
        ("t,market,price", ("wheat", "gold"), 1000),
    ],
)
def test_words_that_name_variables(read, header, words, scale):
    rows = [[t, words[0], 3 + x] for t, x, _ in ROWS]
    rows += [[t, words[1], scale * v] for t, _, v in ROWS]
    found = read(table(rows, header))
    said = holds(found, [[t, 3 + x, scale * v] for t, x, v in ROWS])
    label = header.split(",")[1]
    assert found.states == words and f"column {label} as variables" in said
    doubt = label in ("market", "box", "plate")
    assert (f"; --by {label} takes each as a recording" in said) == doubt
    if doubt:
        assert len(read(table(rows, header), by=label).parts) == 2
