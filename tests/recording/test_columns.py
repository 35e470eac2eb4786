import numpy as np
import pytest
from written_tables import ROWS, T, X, matrix, table

from nsindy.recording import check


@pytest.mark.parametrize(
    "name",
    [
        *("Elapsed", "Elapsed (s)", "elapsed_time", "Zeit", "Zeit [s]", "day", "year", "t_ms"),
        *("Time since start / s", "Uhrzeit", "sim_time", "Laufzeit in s", "hours", "Days", "x [s]"),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_counter_is_not_taken_for_the_time(read, name, place):
    rows = [[k, x, v] for k, (_, x, v) in enumerate(ROWS, 1)]
    for row, t in zip(rows, T, strict=True):
        row.insert(place, t)
    header = ["No", "x", "v"]
    header.insert(place, name)
    found = read(table(rows, ",".join(header)))
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert any("left out column No, which only numbers the rows" in note for note in found.notes)


def test_what_increases_evenly_is_the_time_rather_than_what_only_has_its_name(read):
    found = read(table([[x, 20 + v, t] for t, x, v in ROWS], "x,t,Zaman"))
    assert found.states == ("x", "t")
    np.testing.assert_array_equal(found.parts[0].times, T)


def test_another_clock_is_no_state(read):
    rows = [[f"00:00:{t:04.1f}", t / 60, x, v] for t, x, v in ROWS]
    found = read(table(rows, "time,elapsed min,x,v"))
    assert found.states == ("x", "v")
    assert any("left out column elapsed min, which is the time again" in n for n in found.notes)


def test_a_column_without_a_cell_is_left_out(read):
    found = read(table([[t, x, v, ""] for t, x, v in ROWS], "t,x,v,remark"))
    assert found.states == ("x", "v")
    assert any("left out column remark, which is empty" in note for note in found.notes)


def test_a_counter_alone_is_the_time_and_said(read):
    found = read(table([[k, x, v] for k, (_, x, v) in enumerate(ROWS, 1)], "No,x,v"))
    np.testing.assert_array_equal(found.parts[0].times, np.arange(1, 25))
    said = "used column No as the times, which numbers the rows; --dt 0.01 gives their step"
    assert found.notes[0].endswith(said)


def test_no_times(read):
    rows = [row[1:] for row in ROWS]
    for header in ("x,v", ""):
        found = read(table(rows, header), dt=0.5)
        np.testing.assert_array_equal(matrix(found), ROWS)
        assert found.notes[0].endswith("rows are 0.5 apart in time, as --dt says")
        found = read(table(rows, header))
        np.testing.assert_array_equal(found.parts[0].times, np.arange(24))
        assert found.notes[0].endswith(
            "no column has times: took each row as one unit of time; --dt 0.01 says how far apart "
            "the rows are"
        )
    found = read(table([row[:1] for row in rows], "x"), dt=0.5)
    np.testing.assert_array_equal(matrix(found), np.array(ROWS)[:, :2])
    # With --dt a column of times is left out, and a recording of each group begins at 0.
    found = read(table(ROWS), dt=2.0)
    np.testing.assert_array_equal(found.parts[0].times, 2 * np.arange(24))
    rows = [[k % 2, *row] for k, row in enumerate(rows)]
    found = read(table(rows, "id,x,v"), dt=1.0, by="id")
    assert [part.times[-1] for part in found.parts] == [11, 11]
    with pytest.raises(ValueError, match=r"give either a column of times, --time, or .* --dt"):
        read(table(ROWS), dt=1.0, time="t")
    with pytest.raises(ValueError, match="dt is -1; give the time between rows as a positive"):
        read(table(ROWS), dt=-1.0)


def test_names_with_or_without_their_unit(read):
    text = table(ROWS, "Zeit [s];PumpeRechts [V];Niveau (cm)", ";").replace(",", ";")
    for pump, level in (("PumpeRechts", "Niveau"), ("pumperechts", "niveau (mm)"), ("2", "3")):
        found = read(text, inputs=[pump], states=[level], time="Zeit")
        assert (found.states, found.inputs) == (("Niveau",), ("PumpeRechts",))
    with pytest.raises(ValueError, match=r"2 columns that 'p' may mean; choose one by its number"):
        read(table(ROWS, "t,p [V],p [A]"), inputs=["p"])
    with pytest.raises(ValueError, match=r"no column 'q'; its columns are t, x, v"):
        read(table(ROWS), inputs=["q"])


def test_constant_and_repeated_columns_are_left_out(read):
    rows = [[t, 30.0, x, 30.0, v, x] for t, x, v in ROWS]
    for header in ("t,set,x,set,v,x", ""):
        found = read(table(rows, header))
        np.testing.assert_array_equal(matrix(found), ROWS)
        said = " ".join(found.notes)
        assert said.count("which is constant, 30") == 2 and "which repeats column" in said
    found = read(table(rows, "t,u,x,set,v,w"), inputs=["u"], states=["x", "v"])
    assert (found.states, found.inputs) == (("x", "v"), ())
    found = check.check_arrays(T, np.c_[X, 0 * T + 7, X[:, 0]], inputs=X[:, 1])
    assert found.states == ("x0", "x1") and found.inputs == ()
    assert len(found.notes) == 3


def test_two_columns_of_one_name(read):
    found = read(table(ROWS, "t,p,p"))
    assert found.states == ("p", "p_2")
    assert any("two columns are called 'p'" in note for note in found.notes)


def test_readings_in_steps_are_said(read):
    t = np.arange(300) * 0.1
    x = np.round(np.sin(t) * 50) / 10
    found = read(table(np.column_stack([t, x, np.sin(t)]).tolist()))
    assert found.notes[-1] == "readings of x come in steps of 0.1"


def test_few_repeated_times_are_averaged(read):
    rows = [*ROWS, [ROWS[3][0], 5.0, 6.0], [ROWS[3][0], 8.0, 9.0]]
    found = read(table(rows))
    expected = np.array(ROWS)
    expected[3, 1:] = np.mean([expected[3, 1:], [5, 6], [8, 9]], axis=0)
    np.testing.assert_allclose(matrix(found), expected)
    assert any("averaged rows 26, 27 with the row of the same time" in n for n in found.notes)
    rows = [row for row in ROWS for _ in range(3)]
    rows = [[t, x + k, v] for k, (t, x, v) in enumerate(rows)]
    with pytest.raises(ValueError, match=r"rows 2 and 3 have the same time 0 .* --by COLUMN"):
        read(table(rows))
