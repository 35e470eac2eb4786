"""One discovery on its way: how far errors may grow, and the start that shows where they do."""

import numpy as np
import pytest
from problems import prepared, signal, solved

from nsindy.discovery import constants
from nsindy.discovery.preparation import segmentation, signals
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports import candidates, search, session
from nsindy.discovery.supports.candidates import Path, Start
from nsindy.discovery.supports.session import Session

FLOOR, LOW, HIGH = constants.NOISE_FLOOR, constants.GROWTH_NOISELESS, constants.GROWTH


@pytest.mark.parametrize(
    ("noise", "expected"),
    (
        (0.0, LOW),
        (0.5 * FLOOR * LOW, LOW),
        (FLOOR * LOW, LOW),
        (1.5 * FLOOR * LOW, 1.5 * LOW),
        (FLOOR * HIGH, HIGH),
        (2 * FLOOR * HIGH, HIGH),
    ),
)
def test_errors_may_grow_with_the_noise(problem, noise, expected):
    """By the largest noise over its floor, between the limits."""
    parts = [signal(np.ones((10, 2)), noise=np.array([noise, 0.1 * noise]))]
    assert session._growth(problem._replace(signals=parts)) == pytest.approx(expected)


@pytest.fixture(scope="module")
def problem():
    times = np.linspace(0, 6, 80)
    clean = solved(lambda y: [y[1], -y[0]], (1.0, 0.0), times)
    return prepared(times, clean + 0.01 * np.random.default_rng(0).standard_normal(clean.shape))


@pytest.mark.parametrize(("guides", "expected"), ((1, [0]), (2, [0, 3]), (4, [0, 2, 4])))
def test_the_guide_that_follows_the_recording_best_shows_where_errors_grow(
    problem, monkeypatch, guides, expected
):
    """Of five starts those far apart are solved; start 3 is best, start 2 is not finite."""
    empty = np.zeros(problem.problem.admissible.shape)
    starts = [Start(empty > 0, empty + i, problem.problem.begin) for i in range(5)]
    misses = {0: 0.3, 1: 9.0, 2: np.nan, 3: 0.1, 4: 0.2}
    seen = {}

    def solve(problem, starts, segments):
        numbers = [int(start.coefficients[0, 0]) for start in starts]
        seen["solved"] = numbers
        count = len(segments.steps)
        return [
            Path(np.asarray(segments.states) + misses[i], np.full((count, 2, 2), float(i)))
            for i in numbers
        ]

    def windows(segments, propagators, *, growth):
        seen["guide"], seen["growth"] = int(propagators[0, 0, 0]), growth
        return segments

    def find(problem, segments, starts, noise, *, stop, progress, rounds):
        assert not stop() and rounds == constants.ROUNDS
        progress(0.5)
        return segments, starts, noise

    monkeypatch.setattr(candidates, "solved", solve)
    monkeypatch.setattr(segmentation, "windows", windows)
    monkeypatch.setattr(search, "search", find)
    progress = []
    run = Session(
        problem.parts,
        problem.signals,
        Question(operations=()),
        lambda *now: progress.append(now),
    )
    segments, searched, noise = run.search(
        problem, starts, share=0.8, stage="smoothing", guides=guides
    )
    assert seen["solved"] == expected
    assert seen["guide"] == min(expected, key=lambda i: np.nan_to_num(misses[i], nan=np.inf))
    assert seen["growth"] == session._growth(problem)
    assert (np.asarray(segments.weights) > 0).sum() == 2 * 64
    assert searched is starts and progress == [
        ("smoothing", 0.5 * constants.STAGES["smoothing"][1])
    ]
    np.testing.assert_allclose(noise, signals.noise(problem.signals))


def test_noise_that_a_search_begins_with_is_at_least_the_floor(problem, monkeypatch):
    """And 1, which divides nothing, for a state that was not measured."""
    (one,) = problem.signals
    quiet = problem._replace(signals=[one._replace(noise=np.array([1e-9, 0.0]))])
    count = len(quiet.segments(1.0).steps)
    still = Path(np.asarray(quiet.segments(1.0).states), np.zeros((count, 2, 2)))
    monkeypatch.setattr(candidates, "solved", lambda *given: [still])
    monkeypatch.setattr(search, "search", lambda p, s, starts, noise, **knobs: noise)
    run = Session(quiet.parts, quiet.signals, Question(operations=()), print)
    noise = run.search(quiet, [None], share=1.0, stage="smoothing", guides=1)
    np.testing.assert_array_equal(noise, [constants.NOISE_FLOOR, 1.0])
