import numpy as np
import pytest
from written_tables import ROWS, T, X, matrix, table

from nsindy.recording.cells import column_reader, kind_of


def column(cells, separator=";"):
    reader = column_reader(cells, separator)
    reader.add(cells, range(1, 1 + len(cells)))
    return reader.finish("x")


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("1.5", "number"),
        (" -1,5e-3 ", "number"),
        ("10,002.5", "number"),
        ("10.002,5", "number"),
        ("1 234 567.8", "number"),
        ("−3", "number"),
        ("1.25 s", "unit"),
        ("45%", "unit"),
        ("3 °C", "unit"),
        ("1:", "unit"),
        ("OVLD", "missing"),
        ("-", "missing"),
        ("", "missing"),
        ("00:42:14", "clock"),
        ("28.02.2019", "date"),
        ("02/28/2019 20:45:03.20", "stamp"),
        ("2024-03-01T12:00:00Z", "stamp"),
        ("1_000", "words"),
        ("1.2.3", "words"),
        ("12,34,567", "words"),
        ("A12", "words"),
        ("1/2", "words"),
        ("25:61", "words"),
    ],
)
def test_what_a_cell_is(cell, kind):
    assert kind_of(cell)[0] == kind


@pytest.mark.parametrize(
    ("cells", "separator", "values"),
    [
        (["10,002.5", "9,998.25", "7"], ",", [10002.5, 9998.25, 7]),
        (["10.002,5", "9.998,25", "7"], ";", [10002.5, 9998.25, 7]),
        (["1.234.567", "2.345.678"], ";", [1234567, 2345678]),
        (["1,234,567", "2,345,678"], ";", [1234567, 2345678]),
        # One comma before three digits is a thousand where commas separate cells or points are
        # decimal, and a decimal comma elsewhere.
        (["10,002", "9,998"], ",", [10002, 9998]),
        (["10,002", "9,998"], ";", [10.002, 9.998]),
        (["0.5", "10,002"], ";", [0.5, 10002]),
        (["0,010", "0,020"], ",", [0.01, 0.02]),
        (["1.5 V", "2 V", "-3e-1 V"], ";", [1.5, 2, -0.3]),
        (["1.5 V", "2", "OL"], ";", [1.5, 2, np.nan]),
        (["1,5 V", "2,25 V"], ";", [1.5, 2.25]),
    ],
)
def test_numbers(cells, separator, values):
    found = column(cells, separator)
    assert found.kind == "number" and found.bad is None
    np.testing.assert_array_equal(found.values, values)


def test_a_cell_that_fits_no_other_is_named_with_its_row():
    assert column(["1 V", "2 V", "3 mV"]).bad == (3, "3 mV")
    assert column(["1", "2 V", "3"]).bad == (2, "2 V")
    assert column(["1", "2", "12,34,567"]).bad == (3, "12,34,567")


def test_units_in_the_cells(read):
    found = read(table([[f"{t} s", f"{x} mV", f"{v}V"] for t, x, v in ROWS]))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert any("read column x as numbers in mV" in note for note in found.notes)
    rows = [[t, f"{x} V", v] for t, x, v in ROWS]
    rows[3][1] = "300 mV"
    with pytest.raises(ValueError, match="row 5, column x: '300 mV' is not a number"):
        read(table(rows))


def test_thousands(read):
    rows = [[t, f'"{10000 + 100 * x:,.3f}"', v] for t, x, v in ROWS]
    found = read(table(rows))
    np.testing.assert_allclose(matrix(found)[:, 1], 10000 + 100 * X[:, 0], atol=5e-4)
    assert any("commas as marks of thousands" in note for note in found.notes)
    rows[5][2] = '"0,5"'
    with pytest.raises(ValueError, match="has a comma in the numbers of row 7 and a point in row"):
        read(table(rows))


def test_words_for_no_value(read):
    rows = [list(row) for row in ROWS]
    rows[4][1], rows[9][2] = "OVLD", "NaN"
    found = read(table(rows))
    np.testing.assert_array_equal(found.parts[0].times, np.delete(T, [4, 9]))
    assert found.notes[0].endswith("dropped rows 6, 11: a value is missing or infinite")
