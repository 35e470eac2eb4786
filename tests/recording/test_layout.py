import numpy as np
import pytest
from written_tables import ROWS, T, X, matrix, table


@pytest.mark.parametrize(
    "above",
    [
        "Export of a tracker\n",
        "Export of a tracker,,\n",
        "Tracker,version 6\nFrame rate,30\n\n",
        "Logger: A,Serial: 12,Owner: N\n",
        "mass_A,mass_A,mass_A\n",
        "% made by a script\n",
        "// made by a script\n",
        "Rate;100\nChannels;2;;\n",
        "100,100,3\n1,2\n",
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_stands_above_the_header_is_skipped(read, above, separator):
    found = read(above + table(ROWS, separator=separator))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == ("x", "v")


@pytest.mark.parametrize("names", ("t (min),[A],[B]", "t,(A),(B)"))
def test_names_in_brackets_are_no_units_of_others(read, names):
    """Chemists write [A] for a concentration."""
    assert read(table(ROWS, names)).states == ("A", "B")


@pytest.mark.parametrize("units", ["s,m,m/s", "[s],[m],[m/s]", "(s),(m),(m/s)", "sec,,", "s,-,-"])
@pytest.mark.parametrize("title", ["", "My title,,\n"])
def test_a_row_of_units(read, units, title):
    found = read(title + table(ROWS, f"t,x,v\n{units}"))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == ("x", "v")


@pytest.mark.parametrize(
    "units", ["hh:mm:ss;Mio/ml;", "HH:MM;Mio/ml;-", "h:mm:ss;cells;", ";Mio/ml;", "s;Mio/ml;"]
)
@pytest.mark.parametrize("mark", ['"', ""])
def test_a_row_of_units_that_says_how_times_are_written(read, units, mark):
    """As an export of a cell counter has it, whose remarks are few."""
    names = ";".join(f"{mark}{name}{mark}" for name in ("Uhrzeit", "Zellzahl", "Bemerkung"))
    rows = [
        f"{7 + i // 60:02}:{i % 60:02}:00;{1 + i / 8:.3f};{'start' if i == 0 else ''}".replace(
            ".", ","
        )
        for i in range(120)
    ]
    found = read("\n".join([names, units, *rows]))
    assert found.states == ("Zellzahl",)
    np.testing.assert_allclose(matrix(found)[:, 0], 7 * 3600 + 60.0 * np.arange(120))


def test_an_amount_for_a_unit_is_no_row_of_units_without_names_above(read):
    assert read(table(ROWS, "t,km/h,mg/l")).states == ("km_h", "mg_l")


def test_names_with_units_between_spaces(read):
    found = read(table(ROWS, "Zeit [s] Weg [m] Kraft (N)", " ").replace(",", " "))
    assert found.states == ("Weg", "Kraft")


@pytest.mark.parametrize("first", [None, "2024-03-01 12:00:00", "00:00:00", "0 s"])
def test_no_header(read, first):
    rows = [list(row) for row in ROWS]
    if first is not None:
        form = {"2": "2024-03-01 12:00:{:04.1f}", "0": "00:00:{:04.1f}"}[first[0]]
        rows = [[(form if ":" in first else "{} s").format(t), x, v] for t, x, v in ROWS]
    found = read(table(rows, ""))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == ("x", "y")


def test_a_header_of_numbers_and_words_is_a_header(read):
    found = read(table(ROWS, "t,1st,2nd"))
    assert found.states == ("x_1st", "x_2nd")
    found = read(table(ROWS, "t,10,20"))
    assert len(found.parts[0].times) == len(T)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("separator", [",", ";", " "])
def test_one_series_in_each_row(read, named, separator):
    lines = [
        [name] * named + row for name, row in zip("txv", np.transpose(ROWS).tolist(), strict=True)
    ]
    found = read(table(lines, "", separator))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == (("x", "v") if named else ("x", "y"))
    assert any("each row is one series" in note for note in found.notes)


def test_series_in_rows_below_their_times(read):
    lines = [["country", *range(1990, 2014)], ["A", *X[:, 0].tolist()], ["B", *X[:, 1].tolist()]]
    found = read(table(lines, ""))
    np.testing.assert_array_equal(found.parts[0].times, np.arange(1990, 2014))
    assert found.states == ("A", "B")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]
)
def test_encodings(read, encoding):
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    found = read(mark + table(ROWS, "t,Größe (°C),v").encode(encoding))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == ("Größe", "v")
    said = any("Latin-1" in note for note in found.notes)
    assert said == (encoding in ("latin-1", "cp1252"))


def test_a_header_that_is_repeated_begins_another_recording(read):
    others = [[t, x - 1, v] for t, x, v in ROWS]
    found = read(table(ROWS) + table(others))
    assert len(found.parts) == 2
    np.testing.assert_array_equal(matrix(found, 1), others)


def test_letters_of_windows(read):
    found = read(table(ROWS, "t,œuvre,v").encode("cp1252"))
    assert found.states == ("œuvre", "v")


def test_names_of_rows_as_r_writes_them(read):
    rows = [[f'"{k}"', *row] for k, row in enumerate(ROWS, 1)]
    found = read(table([[f'"row {k}"', *row[1:]] for k, row in enumerate(rows)], "t,x,v", ","))
    np.testing.assert_array_equal(matrix(found), ROWS)


def test_more_cells_than_names_is_refused(read):
    with pytest.raises(ValueError, match="row 2 has 6 cells, not 3 as the header above it"):
        read(table(ROWS).replace(".", ","))


def test_a_blank_inside_a_stamp_is_no_separator_beside_tabs(read):
    """With a column of words white space would tell more cells than tabs do."""
    rows = [
        f"01/05/2024 {n // 2:02}:{30 * (n % 2):02}\t{x:.4f}\tBR2"
        for n, (_, x, _) in enumerate(ROWS)
    ]
    found = read("\n".join(["Timestamp\tx\treactor", *rows]))
    assert found.states == ("x",)
    np.testing.assert_allclose(np.diff(found.parts[0].times), 1800)


@pytest.mark.parametrize("titles", ["", "Lab 3: cells\nBy: N, M; machine: K\n\n"])
def test_semicolons_beside_decimal_commas_below_titles(read, titles):
    """Split at commas, `0,5;1.234,5;` would be numbers with units."""
    lines = [f"{t:.1f};{1000 * v:,.1f};" for t, _, v in ROWS]
    lines = [line.translate(str.maketrans(",.", ".,")) for line in lines]
    lines[0], lines[7] = lines[0] + "begin", lines[7] + "new tube"
    found = read(titles + "\n".join(["Zeit [h];Zellen;Bemerkung", *lines]))
    assert found.states == ("Zellen",) and "left out column Bemerkung" in " ".join(found.notes)
    np.testing.assert_allclose(matrix(found), np.array(ROWS)[:, [0, 2]] * [1, 1000], atol=0.051)


def test_commas_between_numbers_with_units_stay_separators(read):
    rows = [[f"{t} s", f"{x:.3f} m/s", f"{v:.3f} kg"] for t, x, v in ROWS]
    found = read("A title; of two parts\n" + table(rows))
    np.testing.assert_allclose(matrix(found), ROWS, atol=0.001)
