"""What makes an equation, an approximation, or nothing of what was found."""

import numpy as np
import pytest
from problems import candidate, found, narrow, prepared, signal

from nsindy.discovery import constants
from nsindy.discovery.answer import verdict
from nsindy.discovery.preparation import smooth_signals
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Path
from nsindy.discovery.supports.discrepancy import Discrepancy
from nsindy.discovery.supports.inclusion import Unclear
from nsindy.recording.check import Recording

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


@pytest.mark.parametrize(
    ("factor", "independent", "expected"),
    ((0.99, 0.9, "approximation"), (0.99, 1.0, "equation"), (1.01, 0.9, "equation")),
)
def test_a_term_that_may_go_stands_for_something_where_more_than_noise_is_left(
    problem, factor, independent, expected
):
    probable = np.array([[factor * constants.STANDS, 1.0], [1.0, 1.0]])
    final = model(independent=np.array([independent, 1.0]))
    one = problem._replace(problem=narrow(2, 2))
    assert verdict.judge_equations(one, final, NONE, (), probable).name == expected


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


@pytest.fixture(scope="module")
def decay():
    """x' = -x / 2 from 30, in two recordings of 50 and 40 samples."""
    rng, parts = np.random.default_rng(0), []
    for samples in (50, 40):
        times = np.linspace(0, 5, samples)
        states = 30 * np.exp(-times / 2) + rng.standard_normal(samples)
        parts.append(Recording(times, states[:, None], np.zeros((samples, 0))))
    one = prepared(parts[0].times, parts[0].states)
    smoothed, units = smooth_signals.smooth_recordings(parts, 1)
    return one._replace(parts=parts, signals=smoothed, units=units, length=64)


def forecast(decay, monkeypatch, scale=1.0, term="identity(x)", value=-0.5):
    """The forecast of one term, where the fit ends at `scale` times the true state."""
    names = [term.name(("x",)) for term in decay.terms]
    own = np.where(np.array(names) == term, value, 0.0)[None] / decay.back
    paths = np.zeros((2, 65, 1))
    for path, part in zip(paths, decay.parts, strict=True):
        path[: len(part.times)] = scale * 30 * np.exp(-part.times / 2)[:, None]
    path = Path(paths / decay.units.states, np.zeros((2, 1, 1)))
    monkeypatch.setattr(candidates, "solved", lambda *given: [path])
    first = found(candidate(own, begin=np.array([[1.0], [0.9]])))
    return verdict.held_out(decay, first)


@pytest.mark.parametrize("scale", (1.0, 1.2))
def test_the_forecast_of_the_last_fifth_is_judged(decay, monkeypatch, scale):
    """Against the closed solution from the last sample that was fitted."""
    squares = deviations = count = 0.0
    for part in decay.parts:
        truth = part.states[round(0.8 * len(part.times)) :, 0]
        path = scale * 30 * np.exp(-part.times[round(0.8 * len(part.times)) :] / 2)
        squares += np.sum((path - truth) ** 2)
        deviations += np.sum((truth - truth.mean()) ** 2)
        count += len(truth)
    held = forecast(decay, monkeypatch, scale)
    np.testing.assert_allclose(held.rmse, [np.sqrt(squares / count)], rtol=1e-6)
    np.testing.assert_allclose(held.r2, [1 - squares / deviations], rtol=1e-6)
    assert held.coefficients[0, 1] == pytest.approx(-0.5)
    np.testing.assert_allclose(held.initial, np.array([[1.0], [0.9]]) * decay.units.states)
    assert constants.HELD_OUT == 0.2


def test_a_forecast_that_is_lost_explains_nothing(decay, monkeypatch):
    held = forecast(decay, monkeypatch, term="mul(x,x)", value=9.0)
    assert held.rmse == [np.inf] and held.r2 == [-np.inf]
