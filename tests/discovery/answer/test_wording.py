"""Warnings at the boundaries of their constants, and models in words."""

from types import SimpleNamespace

import numpy as np
import pytest
from problems import candidate, found, narrow, signal

from nsindy.discovery import constants
from nsindy.discovery.answer import wording
from nsindy.discovery.answer.verdict import Verdict
from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.preparation import dictionary, known
from nsindy.discovery.preparation.kinds import Kinds
from nsindy.discovery.preparation.known import NOTHING
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units
from nsindy.terms import operations
from nsindy.terms.numbered import WAVE, Inner, with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.term import Term

X = np.linspace(0.5, 2.0, 50)
TERMS = dictionary.library(1, 1, operations=(), degree=3)
THETA = np.stack([X**p for p in range(4)], 1)
BELOW, ABOVE = 1 - 1e-6, 1 + 1e-6


def prepared(theta=THETA, terms=TERMS, **changes):
    """One state x, in units of 1, with the terms 1, x, x² and x³."""
    made = Prepared(
        [],
        [signal(X[:, None])],
        Units(np.ones(1), np.zeros(0), 1.0),
        1,
        terms,
        terms,
        np.ones((1, len(terms))),
        theta,
        np.ones(2, bool),
        narrow(factor=np.column_stack([THETA, X])),
        8,
        1,
        known.tables(NOTHING, terms, 1),
        Kinds((), {}),
    )
    return made._replace(**changes)


class Told:
    """What the warnings read of a discovery."""

    def __init__(self, probability=1.0, states=("x",), error=0.1):
        self.states = self.measured = states
        self.inclusion_probabilities = np.full((1, 4), probability)
        self.slow_error = np.zeros(len(states))
        self.coefficients = np.array([[0.0, -1.0, 0.0, 0.0]])
        self.standard_errors = np.full((1, 4), error)


LINEAR = candidate([[0.0, -1.0, 0, 0]])
WHITE = Verdict("equation", [], [], [])
WORDS = Wording(prepared(), ("x",), ("x",))


class Cut:
    """Segments of which so many begin anew."""

    def __init__(self, stretches=1):
        self.starts = np.eye(8, 4) * (np.arange(8) < stretches)[:, None]


def test_a_search_that_settled_without_gaps_says_nothing():
    one = found(LINEAR._replace(gap=1.0), segments=Cut())
    assert not list(wording.of_the_search(prepared(), one))


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
    (message,) = wording.of_the_search(prepared(), one)
    assert expected in message


def test_two_recordings_have_two_stretches():
    both = prepared(signals=[signal(X[:, None])] * 2)
    assert not list(wording.of_the_search(both, found(LINEAR, segments=Cut(2))))
    assert list(wording.of_the_search(both, found(LINEAR, segments=Cut(3))))


def test_without_noise_a_recording_is_cut_where_an_error_has_grown_fourfold():
    """A hundredfold growth is three such stretches and a third: a cubic may well be forecast."""
    exact = prepared(signals=[signal(X[:, None], noise=np.array([1e-6]))])
    assert not list(wording.of_the_search(exact, found(LINEAR, segments=Cut(3))))
    assert list(wording.of_the_search(exact, found(LINEAR, segments=Cut(4))))


@pytest.mark.parametrize(("noise", "floor"), ((0.01, 1e-3), (0.01, 0.02)))
def test_a_state_is_missed_from_so_many_times_its_noise(noise, floor):
    """Its noise is that of the smoothing, or the floor where that is higher."""
    one = prepared(problem=narrow(floor=np.array([floor])))
    most = constants.MISSED_WARNING * max(noise, floor)
    assert not list(
        wording._of_the_residuals(one, found(LINEAR, noise=np.array([most * BELOW])), Told(), WHITE)
    )
    (message,) = wording._of_the_residuals(
        one, found(LINEAR, noise=np.array([most * ABOVE])), Told(), WHITE
    )
    assert message.startswith(f"x is missed by {most / X.std():.2%} of its standard deviation")
    assert f", {most / noise:.1f} times its noise" in message


def test_a_state_without_noise_is_not_missed():
    silent = prepared(signals=[signal(X[:, None], noise=np.zeros(1))])
    assert not list(
        wording._of_the_residuals(silent, found(LINEAR, noise=np.ones(1)), Told(), WHITE)
    )


def test_residuals_that_have_structure():
    one = found(LINEAR)
    (told,) = wording._of_the_residuals(prepared(), one, Told(), WHITE._replace(structured=[0]))
    assert told == "what is left of x is not noise: it has structure in time"


@pytest.mark.parametrize(("factor", "count"), ((1.0, 0), (BELOW, 1)))
def test_a_term_is_doubtful_below_a_probability(factor, count):
    one = found(LINEAR)
    told = list(wording._of_the_terms(one, one, Told(constants.SURE * factor), WORDS))
    assert told == ["x in x' is doubtful (inclusion probability 0.95)"] * count


@pytest.mark.parametrize(("error", "count"), ((0.9, 0), (1.1, 1), (np.nan, 0)))
def test_a_coefficient_that_is_smaller_than_its_error_is_told(error, count):
    one = found(LINEAR)
    told = list(wording._of_the_terms(one, one, Told(error=error), WORDS))
    assert [message[:42] for message in told] == [
        "the coefficient of x in x' is smaller than"
    ] * count


def test_a_given_equation_is_not_doubtful():
    given = found(LINEAR, problem=narrow(admissible=np.zeros((1, 4), bool)))
    assert not list(wording._of_the_terms(given, given, Told(0.0), WORDS))


def test_the_first_part_may_give_another_model():
    other = found(candidate([[1.0, 0, 2.0, 0]]))
    (message,) = wording._of_the_terms(other, found(LINEAR), Told(), WORDS)
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
    lines = list(wording._of_the_forecast(prepared(), one, told))
    assert [line[-16:] for line in lines] == ["does (R² -0.5000)"[-16:]] * said


def test_an_input_that_acts_nowhere_is_told():
    told = SimpleNamespace(
        coefficients=np.array([[0.0, 2.0, 0, 0]]), library=TERMS, states=("x",), inputs=("u",)
    )
    (said,) = wording._of_the_inputs(told)
    assert said.startswith("u is in no equation")


@pytest.mark.parametrize(("factor", "count"), ((BELOW, 0), (ABOVE, 1)))
def test_near_duplicates_from_a_cosine(factor, count):
    """Terms of two samples at that angle; the other two terms are perpendicular to both."""
    cosine = constants.NEAR_DUPLICATE * factor
    theta = np.zeros((4, 4))
    theta[0, 1], theta[2, 0], theta[3, 3] = 3.0, 1.0, 1.0
    theta[:2, 2] = cosine, np.sqrt(1 - cosine**2)
    told = Wording(prepared(theta), ("x",), ("x",)).near_duplicates(LINEAR)
    assert told == ("x and x^2 are nearly the same here (cosine 0.9950)",) * count
    both = candidate([[0.0, 1.0, 1.0, 0]])
    assert not Wording(prepared(theta), ("x",), ("x",)).near_duplicates(both)


def test_runners_up_and_how_far_behind():
    pool = [
        candidate([[1.0, 1.0, 0, 0]], score=11.0),
        LINEAR._replace(score=10.0),
        candidate([[0.0, 0, 1.0, 0]], score=7.5),
        candidate([[0.0, 0, 0, 0]], score=-np.inf),
    ]
    assert WORDS.runners_up(pool[1], pool) == (
        "1 added in x': 1.0 nats better, too few for its size",
        "x^2 for x in x': 2.5 nats behind",
    )
    assert WORDS.difference(LINEAR, pool[3]) == "x left out of x'"


def test_models_that_no_recording_tells_apart():
    """On two values of x the terms 1, x and x² are bound by one relation, x² = 3 x - 2."""
    x = np.where(np.arange(50) % 2, 1.0, 2.0)
    theta = np.stack([np.ones(50), x, x**2, np.sin(np.arange(50.0))], 1)
    one = prepared(theta, problem=narrow(factor=np.column_stack([theta, 3 * x - 2])))
    words = Wording(one, ("x",), ("x",))
    assert set(words.equivalents(candidate([[-2.0, 3.0, 0, 0]]))) >= {
        "x' of 1, x^2",
        "x' of x, x^2",
    }
    assert not words.equivalents(candidate([[0.0, 0, 0, 0]]))


def test_the_number_of_a_wave_stands_with_its_error_and_unit():
    wave = Term(operations.get("sin"), (Term(operations.times(6.28), (0,)),))
    inner = Inner(WAVE, 0, 6.28)
    words = Wording(prepared(terms=(*TERMS[:3], wave)), ("x",), ("x",))
    search = found(candidate([[1.0, 0, 0, 1.0]]))
    (message,) = words.numbers(search.chosen.mask, [inner], np.array([0.02]))
    assert message.endswith("is fitted: 6.28 ± 0.02 radian per unit of x")
    assert message.startswith("the number in sin(")


def test_a_number_stands_with_the_terms_that_hold_it():
    """Those of its variable that have a coefficient; one without any is not told."""
    one, other = with_number(NUMBERED["michaelis"], 0.5), with_number(NUMBERED["inhibition"], 0.5)
    far = with_number(NUMBERED["hill2"], 3.0)
    terms = (TERMS[0], Term(one, (0,)), Term(other, (0,)), Term(far, (1,)))
    words = Wording(prepared(terms=terms), ("x", "y"), ("x",))
    inner, errors = [Inner("saturation", 0, 0.5), Inner("hill2", 1, 3.0)], np.array([0.02, 0.1])
    both = found(candidate([[0.0, 1.0, 1.0, 0]]))
    assert words.numbers(both.chosen.mask, inner, errors) == (
        "the number in x/(0.5000 + x) and 1/(1 + x/0.5000) is fitted: 0.50 ± 0.02",
    )
    far = found(candidate([[0.0, 0, 1.0, 1.0]]))
    assert [line[:45] for line in words.numbers(far.chosen.mask, inner, errors)] == [
        "the number in 1/(1 + x/0.5000) is fitted: 0.5",
        "the number in y^2/(3.000^2 + y^2) is fitted: ",
    ]


def test_what_does_not_change_along_a_recording_is_found():
    rng, t = np.random.default_rng(0), np.linspace(0, 10, 300)
    a = np.exp(-0.3 * t)
    states = np.stack([a, 5 - 2 * a, 40 * np.cos(t)], 1)
    noise = np.array([0.01, 0.02, 1.0])
    (weights,) = wording.conserved(states + noise * rng.standard_normal(states.shape), noise)
    np.testing.assert_allclose(weights, [1.0, 0.5, 0.0], rtol=0.02)
    states[:, 1] += 0.1 * np.sin(t)
    assert not wording.conserved(states + noise * rng.standard_normal(states.shape), noise)


def test_a_small_part_of_what_does_not_change_is_told_if_it_would_change_without():
    """Those ill are few beside the rest of a town, but more than the noise."""
    rng, t = np.random.default_rng(0), np.linspace(0, 10, 300)
    ill = 12 * np.exp(-((t - 5) ** 2))
    well = 100 / (1 + np.exp(t - 5))
    states = np.stack([well, ill, 100 - well - ill], 1) + rng.standard_normal((300, 3))
    (weights,) = wording.conserved(states, np.ones(3))
    np.testing.assert_allclose(weights / weights[0], [1.0, 1.0, 1.0], rtol=0.1)


def test_of_states_that_are_all_noise_nothing_is_conserved():
    states = np.random.default_rng(0).standard_normal((300, 2))
    assert not wording.conserved(states, states.std(0))


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
    conserved = wording.conserved(states, np.ones(2))
    assert len(conserved) == count
    one = prepared(signals=[signal(states)], units=Units(np.ones(2), np.zeros(0), 1.0))
    told = list(wording._of_the_states(one, found(LINEAR, noise=np.ones(2)), Told(states="xy")))
    assert len(told) == count and all("does not change beyond its noise" in line for line in told)
