import io

import pytest

from nsindy.sweep import progress
from nsindy.sweep.progress import Done

MIDDLE = Done("exp4", 3, 10, 30, 100, 20, 4.0, 15)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_pace_counts_only_what_was_made_now():
    assert progress.pace(MIDDLE) == (5.0, 14.0)
    assert progress.pace(MIDDLE._replace(made=0, seconds=0.0)) == (0.0, 0.0)
    assert progress.pace(MIDDLE._replace(seconds=0.0)) == (0.0, 0.0)


def test_a_line_says_chunks_runs_pace_time_left_and_rate():
    assert progress.line(MIDDLE) == (
        "exp4: chunk 3 of 10, 30 of 100 runs, 5 runs/s, 14 s left, exact in 15 = 50.0 %"
    )


def test_the_last_line_says_how_long_it_took():
    last = MIDDLE._replace(chunk=10, runs=100, made=90, seconds=180.0, successes=None)
    assert progress.line(last) == "exp4: chunk 10 of 10, 100 of 100 runs, 0.5 runs/s, 3 min"


def test_chunks_that_were_there_have_no_pace():
    found = MIDDLE._replace(made=0, seconds=0.0)
    assert progress.line(found) == "exp4: chunk 3 of 10, 30 of 100 runs, exact in 15 = 50.0 %"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (5400, "1.5 h"),
        (36000, "10.0 h"),
    ],
)
def test_durations_are_rounded_for_people(seconds, words):
    assert progress.duration(seconds) == words


def test_quiet_is_quiet():
    for stream in (io.StringIO(), Terminal()):
        progress.teller(quiet=True, stream=stream)(MIDDLE)
        assert stream.getvalue() == ""


def test_a_line_a_chunk_where_there_is_no_terminal(capsys):
    stream = io.StringIO()
    tell = progress.teller(stream=stream)
    tell(MIDDLE)
    tell(MIDDLE._replace(chunk=4, runs=40))
    assert [line[:14] for line in stream.getvalue().splitlines()] == [
        "exp4: chunk 3 ",
        "exp4: chunk 4 ",
    ]
    progress.teller()(MIDDLE)
    captured = capsys.readouterr()
    assert captured.err == progress.line(MIDDLE) + "\n"
    assert captured.out == ""


def test_a_bar_on_a_terminal():
    stream = Terminal()
    tell = progress.teller(stream=stream)
    tell(MIDDLE)
    shown = stream.getvalue().split("\r")[-1]
    for words in ("exp4:  30 %|", "chunk 3/10", "5 runs/s", "14 s left", "exact in 15 = 50.0 %"):
        assert words in shown
    assert "\n" not in stream.getvalue()
    # The last chunk wipes the bar, and the same name begins anew.
    tell(MIDDLE._replace(chunk=10, runs=100, made=90))
    assert stream.getvalue().split("\r")[-2].strip() == ""
    tell(MIDDLE)
    assert "exp4:  30 %|" in stream.getvalue().split("\r")[-1]
