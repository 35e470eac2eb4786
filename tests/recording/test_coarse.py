"""Stamps coarser than the rows, against the times that the simulation had."""

import numpy as np
import pytest
from written_tables import matrix, table

SECONDS = np.arange(240) * 20.0
GROWN = 0.05 / (0.05 + 0.95 * np.exp(-SECONDS / 600))
SWING = np.sin(SECONDS / 300)
NOISE = np.random.default_rng(1).normal(size=(2, 720))


def minutes(seconds):
    """Hours and minutes from nine o'clock."""
    return [f"{9 + int(s) // 3600:02}:{int(s) // 60 % 60:02}" for s in seconds]


def written(times, *columns, header="time,x"):
    return table([list(row) for row in zip(times, *columns, strict=True)], header)


def test_rows_are_spread_within_the_minute_that_they_share(read):
    found = read(written(minutes(SECONDS), GROWN + 0.003 * NOISE[0, :240]))
    assert len(found.parts) == 1
    np.testing.assert_allclose(matrix(found)[:, 0] - 9 * 3600, SECONDS, atol=1e-9)
    said = "several rows share each time: spread evenly, 20 s apart; --dt gives another time"
    assert any(said in note for note in found.notes)


def test_first_and_last_stamp_may_be_cut_and_one_have_a_row_less(read):
    keep = np.delete(np.arange(2, 239), 100)
    found = read(written(minutes(SECONDS[keep]), SWING[keep]))
    times = matrix(found)[:, 0] - 9 * 3600
    # The two rows of a stamp that lost its first are spread over its minute.
    np.testing.assert_allclose(times[[100, 101]], [34 * 60, 34 * 60 + 30])
    np.testing.assert_allclose(np.delete(times, [100, 101]), np.delete(SECONDS[keep], [100, 101]))


def test_whole_seconds_of_a_fast_logger(read):
    """A swing of several turns a second, of which no mean of a stamp says anything."""
    t = np.arange(1500) / 50
    found = read(written(np.floor(t + 1e-9), np.sin(2 * np.pi * 3.3 * t), header="t,x"))
    np.testing.assert_allclose(found.parts[0].times, t, atol=1e-9)
    assert any("spread evenly, 0.02 apart" in note for note in found.notes)


def test_the_newest_row_may_stand_first(read):
    found = read(written(minutes(SECONDS)[::-1], SWING[::-1]))
    np.testing.assert_allclose(matrix(found)[:, 0] - 9 * 3600, SECONDS, atol=1e-9)
    np.testing.assert_allclose(matrix(found)[:, 1], SWING)


def test_times_that_start_again_are_two_recordings_of_spread_rows(read):
    twice = np.concatenate([GROWN, 0.5 * GROWN])
    found = read(written([*minutes(SECONDS), *minutes(SECONDS)], twice))
    assert [len(part.times) for part in found.parts] == [240, 240]
    for part in found.parts:
        np.testing.assert_allclose(part.times - 9 * 3600, SECONDS, atol=1e-9)


@pytest.mark.parametrize("each", [2, 3])
def test_readings_of_one_moment_are_not_spread(read, each):
    """Two are averaged; of more it cannot be told what they are."""
    clean = np.repeat(SWING, each)
    content = written(np.repeat(SECONDS, each), clean + 0.01 * NOISE[0, : len(clean)])
    if each == 2:
        found = read(content)
        np.testing.assert_array_equal(found.parts[0].times, SECONDS)
        assert any("averaged 240 rows" in note for note in found.notes)
        return
    said = r"rows 2 and 3 have the same time 0 .* --by COLUMN, or, .* 6.667 in time: --dt 6.667"
    with pytest.raises(ValueError, match=said):
        read(content)


def test_rows_that_stand_twice_are_dropped_as_before(read):
    found = read(written(np.repeat(SECONDS, 2), np.repeat(SWING, 2)))
    np.testing.assert_array_equal(found.parts[0].times, SECONDS)
    assert any("another row is identical" in note for note in found.notes)


@pytest.mark.parametrize("names", [["a", "b", "c"], ["1.5", "2.5", "4"]])
def test_rows_of_several_things_are_not_one_after_the_other(read, names):
    """A place or a level that returns with every stamp tells rows apart, though x goes on."""
    content = written(
        minutes(SECONDS), SWING, names * 80, np.cos(SECONDS / 300), header="time,x,what,y"
    )
    try:
        found = read(content)
    except ValueError as error:
        assert "have the same time" in str(error)
        return
    assert not any("spread evenly" in note for note in found.notes)
    assert len(found.parts) == 3


def test_levels_of_three_wells_are_no_rows_one_after_the_other(read):
    wells = np.repeat(GROWN[::3], 3) + np.tile([0.0, 0.1, 0.3], 80)
    with pytest.raises(ValueError, match=r"have the same time 32400 .* --dt 20$"):
        read(written(minutes(SECONDS), wells))


def test_where_it_cannot_be_told_a_step_is_offered(read):
    """Noise has no order; nor is a time between rows that is no share of a minute spread."""
    with pytest.raises(ValueError, match=r"--dt 20$"):
        read(written(minutes(SECONDS), NOISE[0, :240]))
    uneven = np.arange(300) * 17.0
    with pytest.raises(ValueError, match=r"--dt 1[67](\.\d+)?$"):
        read(written(minutes(uneven), np.sin(uneven / 300)))
    assert len(read(written(minutes(uneven), np.sin(uneven / 300)), dt=17.0).parts[0].times) == 300
