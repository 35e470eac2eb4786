"""What makes an equation, an approximation, or nothing of what was found."""

import numpy as np
import pytest
from problems import candidate, found, narrow, prepared, signal

from nsindy.discovery import candidates, constants, verdict
from nsindy.discovery.candidates import Path
from nsindy.discovery.discrepancy import Discrepancy
from nsindy.discovery.inclusion import Unclear

LIMIT = constants.MISSED
NONE = Discrepancy.none(2)
TIMES = np.linspace(0, 10, 50)
X = np.column_stack([np.cos(TIMES), -np.sin(TIMES)])


@pytest.fixture(scope="module")
def problem():
    one = prepared(TIMES, X)
    return one._replace(signals=[signal(X, noise=np.full(2, 0.01))])


def model(deviation=0.01, first=1.0, **changes):
    """Two equations, each of one term where `first` is not 0, with what they leave."""
    chosen = candidate([[first, 0.0], [0.0, 1.0]], **changes)
    return found(chosen._replace(variance=np.full(2, deviation) ** 2))


def name(problem, final, slow=NONE, unclear=()):
    return verdict.judge_equations(
        problem._replace(problem=narrow(2, 2)), final, slow, unclear
    ).name


def test_equations_that_leave_noise(problem):
    assert name(problem, model()) == "equation"


@pytest.mark.parametrize(("factor", "expected"), ((0.99, "equation"), (1.01, "approximation")))
def test_a_state_that_is_missed(problem, factor, expected):
    assert name(problem, model(factor * LIMIT * 0.01)) == expected


@pytest.mark.parametrize(("factor", "expected"), ((1.01, "equation"), (0.99, "approximation")))
def test_what_is_left_has_structure(problem, factor, expected):
    independent = np.array([factor * constants.INDEPENDENT, 1.0])
    assert name(problem, model(independent=independent)) == expected
    slow = NONE._replace(size=np.array([0.005, 0.0]))
    assert name(problem, model(independent=independent), slow) == "equation"


def test_structure_below_the_floor_says_nothing(problem):
    """A solver's error has structure."""
    final = model(independent=np.full(2, 0.01))
    floor = narrow(2, 2, floor=np.full(2, 0.02))
    one = verdict.judge_equations(problem._replace(problem=floor), final, NONE, ())
    assert (one.name, one.structured) == ("equation", [])


def test_jumps_and_terms_that_nobody_can_name(problem):
    assert name(problem, model(gap=1.1)) == "approximation"
    assert name(problem, model(), unclear=[Unclear(0, 1, [0], kept=False)]) == "approximation"


def test_an_empty_equation_of_a_state_that_is_missed(problem):
    one = verdict.judge_equations(
        problem._replace(problem=narrow(2, 2)), model(0.5, first=0.0), NONE, ()
    )
    assert one.name == "approximation" and one.unexplained == [0]


def test_no_equation_at_all(problem):
    empty = found(candidate(np.zeros((2, 2))))
    assert name(problem, empty) == "none"


def test_the_share_that_one_simulation_explains(problem, monkeypatch):
    assert verdict.simulated_r2(problem, [X]).tolist() == [1.0, 1.0]
    mean = np.broadcast_to(X.mean(0), X.shape)
    np.testing.assert_allclose(verdict.simulated_r2(problem, [mean]), 0.0, atol=1e-12)
    lost = np.where(np.arange(50)[:, None] < 40, X, np.nan)
    assert verdict.simulated_r2(problem, [lost]).tolist() == [-np.inf, -np.inf]


def test_one_stretch_is_followed_as_it_was_fitted(problem, monkeypatch):
    segments = problem.segments(1.0)
    final = found(candidate(np.eye(2)), segments=segments)
    path = Path(np.asarray(segments.states), np.zeros((len(segments.steps), 2, 2)))
    monkeypatch.setattr(candidates, "solved", lambda *given: [path])
    (states,) = verdict.followed_by(problem, final)
    np.testing.assert_allclose(states, X * problem.units.states, atol=1e-12)


def test_what_was_not_measured_is_not_missed():
    measured = np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, 5.0]])
    states = np.array([[1.0, 2.0, 9.0], [7.0, 1.0, 9.0], [5.0, 5.0, 9.0]])
    found = verdict.misfit_of([(measured, states), (measured[:1], states[:1])])
    np.testing.assert_array_equal(found.squares, [4.0, 1.0])
    np.testing.assert_array_equal(found.deviations, [2.0, 6.0])
    np.testing.assert_array_equal(found.measurements, [3, 4])
    # A state that is lost where it was measured.
    assert np.isnan(verdict.misfit_of([(measured, states * np.nan)]).squares).all()
