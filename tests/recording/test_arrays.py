import datetime

import numpy as np
import pytest
from written_tables import ROWS, T, X, matrix

from nsindy.recording import check

U = np.column_stack([np.sin(3 * T), T**2])
VALUES = np.column_stack([T, X, U])
START = np.datetime64("2024-03-01T12:00:00")


def holds(found, parts=1, inputs=2):
    assert len(found.parts) == parts
    for part in range(parts):
        np.testing.assert_allclose(matrix(found, part), VALUES[:, : 3 + inputs], atol=1e-12)
    return found


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (0.5, None),
        (np.float32(0.5), None),
        (np.array(0.5), None),
        (T.tolist(), None),
        (START + (1000 * T).astype("timedelta64[ms]"), "seconds since 2024-03-01 12:00:00"),
        ((1000 * T).astype("timedelta64[ms]"), "as seconds"),
        (
            [datetime.datetime(2024, 3, 1, 12) + datetime.timedelta(seconds=t) for t in T],
            "as seconds since 2024-03-01 12:00:00",
        ),
        ([f"2024-03-01 12:00:{t:04.1f}" for t in T], "as seconds since 2024-03-01 12:00:00"),
        ([f"00:00:{t:04.1f}" for t in T], "as a clock, in seconds"),
    ],
)
def test_times(t, said):
    found = holds(check.check_arrays(t, X, inputs=U))
    assert [said in note for note in found.notes] == [True] * (said is not None)


def test_days():
    days = np.datetime64("2024-02-20") + np.arange(24)
    found = check.check_arrays(days, X)
    np.testing.assert_array_equal(found.parts[0].times, np.arange(24))
    assert found.notes == ("read t as days since 2024-02-20",)
    days[3] = "NaT"
    assert len(check.check_arrays(days, X).parts[0].times) == 23


@pytest.mark.parametrize(
    ("t", "x", "inputs"),
    [
        ([T, T], [X, X], [U, U]),
        (T, [X, X], [U, U]),
        (0.5, [X, X], U),
        (T, np.stack([X, X]), np.stack([U, U])),
        (np.stack([T, T]), np.stack([X, X]), [U, U]),
        ((T, T), (X, X), (U, U)),
        (T, [X.tolist(), X.tolist()], U),
    ],
)
def test_several_recordings(t, x, inputs):
    holds(check.check_arrays(t, x, inputs=inputs), parts=2)


def test_one_input_of_recordings_in_three_dimensions():
    one = np.stack([U[:, 0], U[:, 0]])
    holds(check.check_arrays(T, np.stack([X, X]), inputs=one), parts=2, inputs=1)
    holds(check.check_arrays(T, [X, X], inputs=U[:, 0]), parts=2, inputs=1)


def test_recordings_of_one_state_with_one_step():
    found = check.check_arrays(0.5, [X[:, 0], X[:20, 0]])
    assert [len(part.times) for part in found.parts] == [24, 20] and found.states == ("x",)


@pytest.mark.parametrize("t", [T, 0.5])
@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_series_is_one_recording_of_several_states(t, kind):
    holds(check.check_arrays(t, kind(X.T), inputs=kind(U.T)))
    if t is T:
        holds(check.check_arrays(t, X.T.tolist(), inputs=U.T.tolist()))


def test_names():
    found = check.check_arrays(T, X, inputs=U, states=["a", "b"], input_names=["f", "g"])
    assert (found.states, found.inputs) == (("a", "b"), ("f", "g"))
    found = check.check_arrays(T, X[:, 0], inputs=U[:, 0], states="a", input_names="f")
    assert (found.states, found.inputs) == (("a",), ("f",))


def mapping(names=("t", "x", "v", "f", "g")):
    return dict(zip(names, VALUES.T.copy(), strict=True))


def frames():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    return [pandas.DataFrame(mapping()), polars.DataFrame(mapping()), mapping()]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_frames(kind):
    frame = frames()[kind] if kind < 2 else mapping()
    for found in (
        check.check_arrays(frame, inputs=["f", "g"]),
        check.check_arrays(None, frame, inputs=["f", "g"]),
        check.check_arrays("t", frame, inputs=["f", "g"], states=["x", "v"]),
        check.check_arrays(frame, states=["x", "v"], inputs=U, input_names=["f", "g"]),
    ):
        holds(found)
        assert (found.states, found.inputs) == (("x", "v"), ("f", "g"))
    holds(check.check_arrays([frame, frame], inputs=["f", "g"]), parts=2)
    holds(check.check_arrays(frame, states=["x", "v"], inputs="f"), inputs=1)
    without = {name: column for name, column in mapping().items() if name in ("x", "v")}
    for t in (0.5, T, START + (1000 * T).astype("timedelta64[ms]")):
        holds(check.check_arrays(t, without), inputs=0)
    holds(check.check_arrays([T, T], [without, without]), parts=2, inputs=0)
    with pytest.raises(ValueError, match="x has no column 'q'; its columns are t, x, v, f, g"):
        check.check_arrays(frame, inputs=["q"])


def test_the_index_of_a_frame():
    pandas = pytest.importorskip("pandas")
    columns = dict(zip("xv", X.T, strict=True))
    moments = pandas.to_datetime(START) + pandas.to_timedelta(T, "s")
    for index in (
        pandas.Index(T),
        pandas.Index(T, name="hour"),
        moments,
        moments.tz_localize("Europe/Berlin"),
        pandas.to_timedelta(T, "s"),
    ):
        found = holds(check.check_arrays(pandas.DataFrame(columns, index=index)), inputs=0)
        assert found.states == ("x", "v")
        holds(check.check_arrays(index, X), inputs=0)
    # An index that only numbers the rows is not the time of a frame that has one.
    frame = pandas.DataFrame({"t": T, **columns}).iloc[::-1]
    holds(check.check_arrays(frame), inputs=0)
    series = pandas.Series(X[:, 0], index=T, name="x")
    np.testing.assert_array_equal(matrix(check.check_arrays(T, series)), np.array(ROWS)[:, :2])
