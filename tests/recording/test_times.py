import datetime

import numpy as np
import pytest
from written_tables import ROWS, T, X, matrix, table

from nsindy.recording import check, times

START = datetime.datetime(2019, 2, 28, 23, 59, 57)
MOMENTS = [START + datetime.timedelta(seconds=t) for t in T]


@pytest.fixture
def read(tmp_path):
    def written(cells, header="t,x,v", separator=";", **ask):
        path = tmp_path / "river.csv"
        rows = [[cell, *x] for cell, x in zip(cells, X.tolist(), strict=True)]
        path.write_text(table(rows, header, separator))
        return check.read_recordings(path, **ask)

    return written


def clock(moment, form="%H:%M:%S.%f"):
    return moment.strftime(form)


@pytest.mark.parametrize("header", ["t,x,v", ""])
@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y%m%dT%H%M%S.%f",
        "%d.%m.%Y %H:%M:%S,%f",
        "%m/%d/%Y %H:%M:%S.%f",
        "%d/%m/%Y %H:%M:%S.%f",
        "%d-%b-%Y %H:%M:%S.%f",
        "%d %B %Y %H:%M:%S.%f",
        "%d.%m.%y %H:%M:%S.%f",
        "%m/%d/%Y %I:%M:%S.%f %p",
        "%Y.%m.%d;%H:%M:%S.%f",
        "%m/%d/%Y;%H:%M:%S,%f",
    ],
)
def test_dates_and_clocks(read, form, header):
    header = header and header.replace("t", "date,clock" if ";" in form else "t")
    found = read([clock(moment, form) for moment in MOMENTS], header)
    np.testing.assert_array_equal(matrix(found), ROWS)
    assert found.states == (("x", "v") if header else ("x", "y"))
    assert any("seconds since 2019-02-28 23:59:57" in note for note in found.notes)


@pytest.mark.parametrize(
    ("cells", "seconds", "said"),
    [
        ([f"00:{int(t):02}:{t % 1 * 60:05.2f}" for t in T], 60 * T, "as a clock, in seconds"),
        ([f"{int(t):02}:{t % 1 * 60:05.2f}" for t in T], 60 * T, "as a clock, in seconds"),
        ([f"{8 + int(t):02}:{t % 1 * 60:02.0f}" for t in T], 3600 * (8 + T), "hours and minutes"),
        ([f"{20 + int(t):02}:{t % 1 * 60:02.0f}" for t in T], 60 * (20 + T), "minutes and seconds"),
        (
            [clock(moment) for moment in MOMENTS],
            86397 + T,
            "as a clock, in seconds; it passes midnight",
        ),
        ([clock(m, "%I:%M:%S.%f %p") for m in MOMENTS], 86397 + T, "passes midnight"),
    ],
)
def test_clocks(read, cells, seconds, said):
    found = read(cells)
    np.testing.assert_allclose(found.parts[0].times, seconds, rtol=1e-12)
    assert any(said in note for note in found.notes)


def test_the_order_of_day_and_month_is_the_one_that_makes_sense(read):
    days = [datetime.date(2019, 3, 1) + datetime.timedelta(days=k) for k in range(24)]
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        for count in (24, 12):
            # The first twelve days of a month may be months as well; the shorter span decides.
            found = read([day.strftime(form) for day in days])
            np.testing.assert_array_equal(found.parts[0].times, np.arange(24))
            short = times.Moments("date", lambda cell: False)
            short.add([day.strftime(form) for day in days[:count]], range(count))
            np.testing.assert_array_equal(short.finish("t").values, np.arange(count) * times.DAY)


@pytest.mark.parametrize("rate", [1, 1e3, 1e6])
@pytest.mark.parametrize("header", ["timestamp,x,v", ""])
def test_counts_since_1970(read, rate, header):
    cells = [f"{(1_700_000_000 + t) * rate:.{1 if rate == 1 else 0}f}" for t in T]
    found = read(cells, header)
    np.testing.assert_allclose(found.parts[0].times, T, atol=1e-9)
    assert any("since 1970, counted in seconds from 2023-11-14 22:13:20" in n for n in found.notes)


def test_a_time_of_another_kind_is_named(read):
    cells = [clock(moment) for moment in MOMENTS]
    with pytest.raises(ValueError, match="row 5, column t: 'soon' is not a clock like those"):
        read([*cells[:3], "soon", *cells[4:]])
    found = read([*cells[:3], "", *cells[4:]])
    assert len(found.parts[0].times) == 23


def test_an_impossible_date_is_named(read):
    cells = [f"2019-02-{k + 1:02}" for k in range(24)]
    with pytest.raises(ValueError, match="row 5, column t: '2019-02-31' is not a date like those"):
        read([*cells[:3], "2019-02-31", *cells[4:]])


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("2005-03", (2005, 3, 1)),
        ("2005/11", (2005, 11, 1)),
        ("2005M3", (2005, 3, 1)),
        ("2005Q3", (2005, 7, 1)),
        ("2005-Q4", (2005, 10, 1)),
        ("Q2 2005", (2005, 4, 1)),
        ("2005 Mar", (2005, 3, 1)),
        ("March 2005", (2005, 3, 1)),
        ("03/2005", (2005, 3, 1)),
    ],
)
def test_a_month_or_a_quarter_is_its_first_day(written, first):
    column = times.Moments("date", lambda cell: not cell)
    column.add([written], [2])
    found = column.finish("t")
    assert times.kind_of_moment(written) == "date" and found.bad is None
    assert (found.origin.year, found.origin.month, found.origin.day) == first


@pytest.mark.parametrize("written", ["2005-13", "13/2005", "2005Q5", "Foo 2005", "200503", "2005"])
def test_what_is_no_month(written):
    assert not times.kind_of_moment(written)
