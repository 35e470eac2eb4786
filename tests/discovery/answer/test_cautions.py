"""Warnings at the boundaries of their constants."""

from types import SimpleNamespace

import numpy as np
import pytest
from one_state import LINEAR, TERMS, WORDS, X, prepared
from problems import candidate, found, narrow, signal

from nsindy.discovery import constants
from nsindy.discovery.answer import cautions
from nsindy.discovery.answer.verdict import Verdict
from nsindy.discovery.preparation.signals import Units

BELOW, ABOVE = 1 - 1e-6, 1 + 1e-6


class Told:
    """What the warnings read of a discovery."""

    def __init__(self, probability=1.0, states=("x",), error=0.1):
        self.states = self.measured = states
        self.inclusion_probabilities = np.full((1, 4), probability)
        self.slow_error = np.zeros(len(states))
        self.coefficients = np.array([[0.0, -1.0, 0.0, 0.0]])
        self.standard_errors = np.full((1, 4), error)


WHITE = Verdict("equation", [], [], [])


class Cut:
    """Segments of which so many begin anew."""

    def __init__(self, stretches=1):
        self.starts = np.eye(8, 4) * (np.arange(8) < stretches)[:, None]


def test_a_search_that_settled_without_gaps_says_nothing():
    one = found(LINEAR._replace(gap=1.0), segments=Cut())
    assert not list(cautions.of_the_search(prepared(), one))


@pytest.mark.parametrize(
    ("changes", "expected"),
    (
        ({"settled": False}, "the search ended before it settled"),
        ({"chosen": LINEAR._replace(gap=ABOVE)}, "the fitted solution has jumps"),
        ({"segments": Cut(2)}, "it is fitted in 2 stretches"),
    ),
)
def test_a_search_that_did_not_end_well(changes, expected):
    one = found(LINEAR, segments=Cut())._replace(**changes)
    (message,) = cautions.of_the_search(prepared(), one)
    assert expected in message


def test_two_recordings_have_two_stretches():
    both = prepared(signals=[signal(X[:, None])] * 2)
    assert not list(cautions.of_the_search(both, found(LINEAR, segments=Cut(2))))
    assert list(cautions.of_the_search(both, found(LINEAR, segments=Cut(3))))


def test_without_noise_a_recording_is_cut_where_an_error_has_grown_fourfold():
    """A hundredfold growth is three such stretches and a third: a cubic may well be forecast."""
    exact = prepared(signals=[signal(X[:, None], noise=np.array([1e-6]))])
    assert not list(cautions.of_the_search(exact, found(LINEAR, segments=Cut(3))))
    assert list(cautions.of_the_search(exact, found(LINEAR, segments=Cut(4))))


@pytest.mark.parametrize(("noise", "floor"), ((0.01, 1e-3), (0.01, 0.02)))
def test_a_state_is_missed_from_so_many_times_its_noise(noise, floor):
    """Its noise is that of the smoothing, or the floor where that is higher."""
    one = prepared(problem=narrow(floor=np.array([floor])))
    most = constants.MISSED_WARNING * max(noise, floor)
    near, far = (found(LINEAR, noise=np.array([most * factor])) for factor in (BELOW, ABOVE))
    assert not list(cautions._of_the_residuals(one, near, Told(), WHITE))
    (message,) = cautions._of_the_residuals(one, far, Told(), WHITE)
    assert message.startswith(f"x is missed by {most / X.std():.2%} of its standard deviation")
    assert f", {most / noise:.1f} times its noise" in message


def test_a_state_without_noise_is_not_missed():
    silent = prepared(signals=[signal(X[:, None], noise=np.zeros(1))])
    assert not list(
        cautions._of_the_residuals(silent, found(LINEAR, noise=np.ones(1)), Told(), WHITE)
    )


def test_residuals_that_have_structure():
    one = found(LINEAR)
    (told,) = cautions._of_the_residuals(prepared(), one, Told(), WHITE._replace(structured=[0]))
    assert told == "what is left of x is not noise: it has structure in time"


@pytest.mark.parametrize(("factor", "count"), ((1.0, 0), (BELOW, 1)))
def test_a_term_is_doubtful_below_a_probability(factor, count):
    one = found(LINEAR)
    told = list(cautions._of_the_terms(one, one, Told(constants.SURE * factor), WORDS))
    assert told == ["x in x' is doubtful (inclusion probability 0.95)"] * count


@pytest.mark.parametrize(("error", "count"), ((0.9, 0), (1.1, 1), (np.nan, 0)))
def test_a_coefficient_that_is_smaller_than_its_error_is_told(error, count):
    one = found(LINEAR)
    told = list(cautions._of_the_terms(one, one, Told(error=error), WORDS))
    assert [message[:42] for message in told] == [
        "the coefficient of x in x' is smaller than"
    ] * count


def test_a_given_equation_is_not_doubtful():
    given = found(LINEAR, problem=narrow(admissible=np.zeros((1, 4), bool)))
    assert not list(cautions._of_the_terms(given, given, Told(0.0), WORDS))


def test_the_first_part_may_give_another_model():
    other = found(candidate([[1.0, 0, 2.0, 0]]))
    (message,) = cautions._of_the_terms(other, found(LINEAR), Told(), WORDS)
    assert message == "the first four fifths alone give another model: 1, x^2 for x in x'"


@pytest.mark.parametrize(
    ("r2", "rmse", "stretches", "said"),
    (
        (-0.5, ABOVE, 1, True),
        (-0.5, BELOW, 1, False),
        (0.1, ABOVE, 1, False),
        (-1.0, ABOVE, 2, False),
    ),
)
def test_a_forecast_that_is_worse_than_the_mean(r2, rmse, stretches, said):
    """By more than the noise, and not of chaos, whose forecast is lost anyway."""
    one = found(LINEAR, segments=Cut(stretches))
    told = Told()
    level = constants.MISSED * float(one.noise[0])
    told.held_out = SimpleNamespace(r2=np.array([r2]), rmse=np.array([rmse * level]))
    lines = list(cautions._of_the_forecast(prepared(), one, told))
    assert [line[-16:] for line in lines] == ["does (R² -0.5000)"[-16:]] * said


def test_an_input_that_acts_nowhere_is_told():
    told = SimpleNamespace(
        coefficients=np.array([[0.0, 2.0, 0, 0]]), library=TERMS, states=("x",), inputs=("u",)
    )
    (said,) = cautions._of_the_inputs(told)
    assert said.startswith("u is in no equation")


def test_a_hidden_state_that_stays_as_it_is_stands_for_a_constant():
    told = SimpleNamespace(
        states=("x", "h"),
        hidden=("h",),
        coefficients=np.array([[0.0, 1.0], [0.0, 0.0]]),
        verdict="equation",
    )
    (said,) = cautions._of_the_hidden(told)
    assert said.startswith("h does not change") and "search without --hidden" in said
    told.verdict = "approximation"
    assert "what changes it was not found" in next(cautions._of_the_hidden(told))
    told.coefficients[1, 0] = -0.5
    assert not list(cautions._of_the_hidden(told))


def test_what_does_not_change_along_a_recording_is_found():
    rng, t = np.random.default_rng(0), np.linspace(0, 10, 300)
    a = np.exp(-0.3 * t)
    states = np.stack([a, 5 - 2 * a, 40 * np.cos(t)], 1)
    noise = np.array([0.01, 0.02, 1.0])
    (weights,) = cautions.conserved(states + noise * rng.standard_normal(states.shape), noise)
    np.testing.assert_allclose(weights, [1.0, 0.5, 0.0], rtol=0.02)
    states[:, 1] += 0.1 * np.sin(t)
    assert not cautions.conserved(states + noise * rng.standard_normal(states.shape), noise)


def test_a_small_part_of_what_does_not_change_is_told_if_it_would_change_without():
    """Those ill are few beside the rest of a town, but more than the noise."""
    rng, t = np.random.default_rng(0), np.linspace(0, 10, 300)
    ill = 12 * np.exp(-((t - 5) ** 2))
    well = 100 / (1 + np.exp(t - 5))
    states = np.stack([well, ill, 100 - well - ill], 1) + rng.standard_normal((300, 3))
    (weights,) = cautions.conserved(states, np.ones(3))
    np.testing.assert_allclose(weights / weights[0], [1.0, 1.0, 1.0], rtol=0.1)


def test_of_states_that_are_all_noise_nothing_is_conserved():
    states = np.random.default_rng(0).standard_normal((300, 2))
    assert not cautions.conserved(states, states.std(0))


@pytest.mark.parametrize(("factor", "count"), ((BELOW, 1), (ABOVE, 0)))
def test_what_changes_by_three_errors_more_than_its_noise_is_not_conserved(factor, count):
    """Two states whose difference has exactly that variance, and whose sum is large."""
    rows = 200
    even, odd = np.cos(np.pi * np.arange(rows)), np.sin(np.pi * (np.arange(rows) + 0.5) / 2)
    odd -= even * (odd @ even) / rows
    odd -= odd.mean()
    large, small = (
        v * np.sqrt((rows - 1) * size) / np.linalg.norm(v)
        for v, size in ((even, 1e4), (odd, (1 + 3 * np.sqrt(2 / rows)) * factor))
    )
    states = np.stack([large + small, large - small], 1) / np.sqrt(2)
    conserved = cautions.conserved(states, np.ones(2))
    assert len(conserved) == count
    one = prepared(signals=[signal(states)], units=Units(np.ones(2), np.zeros(0), 1.0))
    told = list(cautions._of_the_states(one, found(LINEAR, noise=np.ones(2)), Told(states="xy")))
    assert len(told) == count and all("does not change beyond its noise" in line for line in told)
