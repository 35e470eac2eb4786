import numpy as np
import pytest

from nsindy.discovery.maps import map_rows
from nsindy.recording.check import Recording


def test_rows_that_never_follow_one_another():
    times = np.cumsum([1.0, 1.0, 9.0] * 4)
    part = Recording(times, np.ones((12, 1)), np.zeros((12, 0)))
    with pytest.raises(ValueError, match="no 5 rows follow one another"):
        map_rows.rows_of_map([part])


def test_rows_that_lack_a_value_part_a_map():
    """The next row does not follow, however many of them there are."""
    x = np.arange(60.0)
    x[1:40:2] = np.nan
    times, states = np.arange(60.0), np.column_stack([x, x])
    states[45, 1] = np.nan
    rows, made = map_rows.rows_of_map([Recording(times, states, np.zeros((60, 0)))])
    assert [part.states[:, 0].tolist() for part in rows] == [
        [40.0, 41.0, 42.0, 43.0, 44.0],
        list(range(46, 60)),
    ]
    assert all(s.seen.all() and np.isfinite(s.measured).all() for s in made)
