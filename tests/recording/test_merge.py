"""Series of different times in one table."""

import numpy as np
import pytest

from nsindy.recording import check
from nsindy.recording.merge import merge


def test_every_value_stands_at_its_own_time():
    rng = np.random.default_rng(0)
    times = [np.sort(rng.uniform(0, 10, n)) for n in (30, 17)]
    values = [rng.normal(size=30), rng.normal(size=(17, 2))]
    t, x = merge((times[0][::-1], values[0][::-1]), (times[1], values[1]))
    assert (np.diff(t) > 0).all() and len(t) == 47
    split = (([0], times[0], values[0]), ([1, 2], times[1], values[1]))
    for columns, own, value in split:
        seen = np.isfinite(x[:, columns[0]])
        np.testing.assert_array_equal(t[seen], own)
        np.testing.assert_array_equal(x[seen][:, columns], value.reshape(len(own), -1))


def test_sums_of_steps_meet():
    """0.1 + 0.1 + 0.1 is not 0.3, and yet the same time."""
    sums = np.cumsum(np.full(40, 0.1))
    t, x = merge((sums, sums), (np.arange(1, 41) * 3 / 30, sums))
    assert len(t) == 40 and np.isfinite(x).all()
    # Rows of a table likewise, where only one of them has a value.
    times = np.sort(np.concatenate([sums, np.arange(1, 41) / 10 + 1e-13]))
    even = np.arange(80) % 2 == 0
    cells = np.stack([np.where(even, np.sin(times), np.nan), np.where(even, np.nan, times)], 1)
    found = check.check_arrays(times, cells)
    assert len(found.parts[0].times) == 40 and np.isfinite(found.parts[0].states).all()


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ([], "there is no series"),
        ([np.arange(3.0)], "series 0 is not a pair"),
        ([([0, 1], [1, 2, 3])], "give one time for each value"),
        ([([0, np.nan], [1, 2])], "time 1 of series 0 is not finite"),
        ([([0, 1], [1, 2]), ([0, 1, 1], [1, 2, 3])], "series 1 has the time 1 twice"),
    ],
)
def test_what_cannot_be_merged_is_said(series, said):
    with pytest.raises(ValueError, match=said):
        merge(*series)
