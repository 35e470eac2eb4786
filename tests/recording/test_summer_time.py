"""Local times of places whose clocks change, against the tz database."""

import datetime
import zoneinfo

import numpy as np
import pytest
from written_tables import matrix, table

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime.date(2024, 3, 30), datetime.date(2024, 10, 26)
RNG = np.random.default_rng(3)


def moments(zone, first, step, count=200):
    """Moments that are regular, from noon of a day, by the clock of a place."""
    try:
        place = zoneinfo.ZoneInfo(zone)
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zones")
    start = datetime.datetime.combine(first, datetime.time(12), place)
    start = start.astimezone(datetime.UTC)
    return [(start + datetime.timedelta(seconds=step * i)).astimezone(place) for i in range(count)]


def local(found, form="%Y-%m-%d %H:%M"):
    return [moment.strftime(form) for moment in found]


def cooled(count):
    return 20 + 40 * np.exp(-np.arange(count) / 80) + 0.05 * RNG.normal(size=count)


def written(times, values, header="timestamp,water"):
    return table([list(row) for row in zip(times, values, strict=True)], header)


@pytest.mark.parametrize("step", [600, 900, 3600, 7200])
@pytest.mark.parametrize(
    ("zone", "first"),
    [
        (BERLIN, SPRING),
        (BERLIN, AUTUMN),
        ("Europe/London", SPRING),
        ("Europe/London", AUTUMN),
        ("Europe/Athens", datetime.date(2021, 3, 27)),
        ("Europe/Athens", datetime.date(2021, 10, 30)),
        ("America/New_York", datetime.date(2023, 3, 11)),
        ("America/New_York", datetime.date(2023, 11, 4)),
        ("Australia/Sydney", datetime.date(2022, 10, 1)),
        ("Australia/Sydney", datetime.date(2022, 4, 2)),
        ("Pacific/Auckland", datetime.date(2022, 9, 24)),
    ],
)
def test_times_go_on_where_clocks_change(read, zone, first, step):
    values = cooled(200)
    stamps = local(moments(zone, first, step))
    found = read(written(stamps, values))
    assert len(found.parts) == 1
    np.testing.assert_allclose(matrix(found)[:, 0], step * np.arange(200.0))
    np.testing.assert_allclose(matrix(found)[:, 1], values)
    said = [note for note in found.notes if "clocks were put" in note]
    way = "forward" if first.month in (3, 9) or (first.month == 10 and zone[0] in "AP") else "back"
    steps = np.diff([datetime.datetime.fromisoformat(stamp) for stamp in stamps])
    row = 3 + int(np.argmax(steps != datetime.timedelta(seconds=step)))
    assert len(said) == 1 and f"clocks were put {way} an hour before row {row}," in said[0]


@pytest.mark.parametrize(
    ("month", "day", "hour"), [(3, 30, 2), (3, 24, 2), (3, 31, 5), (6, 30, 2), (10, 27, 2)]
)
def test_an_hour_that_is_missing_elsewhere_is_a_gap(read, month, day, hour):
    start = datetime.datetime(2024, month, day)
    every = [start + datetime.timedelta(minutes=15 * i) for i in range(200)]
    kept = [moment for i, moment in enumerate(every) if not 4 * hour <= i < 4 * hour + 4]
    found = read(written(local(kept), cooled(196)))
    assert np.max(np.diff(found.parts[0].times)) == 4500.0
    assert not any("clocks" in note for note in found.notes)


@pytest.mark.parametrize("missing", [3, 5])
def test_a_gap_of_another_length_stays_where_clocks_change(read, missing):
    kept = np.delete(np.arange(200), np.arange(56, 56 + missing))
    start = datetime.datetime(2024, 3, 30, 12)
    stamps = local([start + datetime.timedelta(minutes=15 * int(i)) for i in kept])
    found = read(written(stamps, cooled(len(kept))))
    assert np.max(np.diff(found.parts[0].times)) == 900.0 * (missing + 1)


@pytest.mark.parametrize("step", [900, 3600])
def test_rows_that_stand_twice_at_that_hour_are_no_change(read, step):
    stamps = local(moments("UTC", AUTUMN, step))
    values = cooled(200).round(3).tolist()
    at = stamps.index("2024-10-27 03:00")
    before = at - 3600 // step
    found = read(
        written(
            stamps[:at] + stamps[before:at] + stamps[at:],
            values[:at] + values[before:at] + values[at:],
        )
    )
    np.testing.assert_allclose(found.parts[0].times, step * np.arange(200.0))
    assert not any("clocks" in note for note in found.notes)


@pytest.mark.parametrize("header", ["time UTC,water", "utc_time,water", "Time (GMT),water"])
def test_times_that_know_no_summer_stay(read, header):
    stamps = local(moments(BERLIN, SPRING, 900))
    found = read(written(stamps, cooled(200), header))
    assert np.max(np.diff(found.parts[0].times)) == 4500.0
    zoned = read(written([stamp + "Z" for stamp in stamps], cooled(200)))
    assert np.max(np.diff(zoned.parts[0].times)) == 4500.0
    right = read(written([m.isoformat() for m in moments(BERLIN, AUTUMN, 900)], cooled(200)))
    np.testing.assert_allclose(right.parts[0].times, 900.0 * np.arange(200))
    assert not any("clocks" in note for each in (found, zoned, right) for note in each.notes)


@pytest.mark.parametrize("first", [SPRING, AUTUMN])
def test_a_date_beside_a_clock(read, first):
    found = moments(BERLIN, first, 900)
    rows = zip(local(found, "%d.%m.%Y"), local(found, "%H:%M:%S"), cooled(200), strict=True)
    read_back = read(table([list(row) for row in rows], "date,clock,water"))
    np.testing.assert_allclose(read_back.parts[0].times, 900.0 * np.arange(200))
    assert any("column date and clock: clocks were put" in note for note in read_back.notes)


@pytest.mark.parametrize("first", [SPRING, AUTUMN])
def test_the_newest_row_may_stand_first(read, first):
    values = cooled(200)
    found = read(written(local(moments(BERLIN, first, 900))[::-1], values[::-1]))
    assert len(found.parts) == 1
    np.testing.assert_allclose(np.diff(found.parts[0].times), 900.0)
    np.testing.assert_allclose(matrix(found)[:, 1], values)


@pytest.mark.parametrize("first", [SPRING, AUTUMN])
@pytest.mark.parametrize("blocks", [True, False])
def test_two_sensors_in_one_file(read, first, blocks):
    stamps = local(moments(BERLIN, first, 900))
    names = ("inner", "outer")
    rows = [[s, name, x] for name in names for s, x in zip(stamps, cooled(200), strict=True)]
    if not blocks:
        rows = [row for pair in zip(rows[:200], rows[200:], strict=True) for row in pair]
    found = read(table(rows, "timestamp,sensor,water"))
    assert found.states == names
    np.testing.assert_allclose(found.parts[0].times, 900.0 * np.arange(200))


@pytest.mark.parametrize("first", [SPRING, AUTUMN])
def test_stamps_that_are_coarser_than_the_rows_as_well(read, first):
    found = read(written(local(moments(BERLIN, first, 20, 3600)), np.sin(np.arange(3600) / 300)))
    np.testing.assert_allclose(found.parts[0].times, 20.0 * np.arange(3600), atol=1e-6)


def test_many_changes_are_counted(read):
    """Three years of hours: six changes, and as many hours as there are rows."""
    count = 3 * 8766
    found = read(written(local(moments(BERLIN, SPRING, 3600, count)), np.sin(np.arange(count) / 9)))
    np.testing.assert_allclose(found.parts[0].times, 3600.0 * np.arange(count))
    assert any("so they were 4 times more" in note for note in found.notes)


def test_dates_at_the_end_of_the_calendar(read):
    """Beyond the last of them there is no moment at which a clock could change."""
    end = datetime.datetime(9999, 12, 31, 23, 45)
    stamps = local([end - datetime.timedelta(minutes=15 * i) for i in range(49, -1, -1)])
    found = read(written([*stamps, *stamps[-4:]], cooled(54)))
    np.testing.assert_array_equal(found.parts[0].times, 900.0 * np.arange(50))
