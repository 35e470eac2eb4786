"""Other libraries and floors than the usual: negative powers, and recordings without noise."""

import numpy as np
import pytest
from problems import candidate, coefficients, noisy, prepared, solved
from problems import found as found_by

import nsindy
from nsindy.discovery import constants, models
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports.discrepancy import Discrepancy
from nsindy.discovery.supports.session import Session

TIMES = np.linspace(0, 16, 200)
STATES = np.stack([np.cos(TIMES), -np.sin(TIMES)], 1)


def jet(m, v, times):
    """What throws mass out behind it, with drag: m' = -1/2, v' = 2/m - v²/(10 m)."""
    return solved(lambda y: [-0.5, (2 - 0.1 * y[1] ** 2) / y[0]], (m, v), times)


@pytest.mark.slow
def test_a_quotient_of_products_is_found():
    times = np.linspace(0, 7, 200)
    both = [noisy(jet(6.0, 1.0, times), 0.01), noisy(jet(4.0, 3.0, times), 0.01, seed=1)]
    found = nsindy.discover([times, times], both, states=["m", "v"])
    (m, v), expected = (coefficients(found, row) for row in (0, 1)), [-0.5, 2.0, -0.1]
    assert [*m, *v] == ["1", "1/m", "v^2/m"]
    for (value, error), true in zip([*m.values(), *v.values()], expected, strict=True):
        assert abs(value - true) < 3 * error


@pytest.mark.parametrize(
    ("change", "tried"),
    (
        ({}, True),
        ({"operations": ("sin",)}, False),
        ({"short": True}, False),
        ({"vain": True}, False),
    ),
)
def test_negative_powers_are_tried_where_a_number_may_be(monkeypatch, change, tried):
    """Not where operations were named, where few products leave nothing, or in place of none."""
    made = prepared(TIMES, 2 + STATES, operations=("reciprocal",))
    terms = 1 if change.get("short") else constants.NUMBER_REPLACES + 2
    mask = np.zeros(made.problem.admissible.shape)
    mask[:, :terms] = 1.0
    first = found_by(candidate(mask)._replace(variance=np.zeros(2)), noise=np.zeros(2))
    better, asked = first._replace(chosen=first.chosen._replace(score=10.0)), []

    def search(session, *given, **knobs):
        asked.append(session.inverse)
        return better

    monkeypatch.setattr(Session, "build", lambda *given: made)
    monkeypatch.setattr(Session, "search", search)
    monkeypatch.setattr(models.proposals, "proposals", lambda made: [])
    monkeypatch.setattr(models, "_may_replace", lambda *given: not change.get("vain"))
    monkeypatch.setattr(models.stages, "search_from", lambda *given: (made, better))
    question = Question(operations=change.get("operations"))
    session = Session(made.parts, made.signals, question, lambda *now: None)
    other, _, found = models.with_negative_powers(session, made, first)
    assert asked == [(0, 1)] * tried
    assert other.inverse == ((0, 1) if tried else ()) and found.chosen.score == 10.0 * tried


@pytest.mark.parametrize(
    ("noise", "left", "again", "searched", "better", "given", "stretches"),
    (
        (1e-9, 1e-5, 1e-9, True, True, None, 1),
        (1e-9, 1e-5, 1e-9, True, True, 1e-9, 1),
        (1e-9, 1e-5, 1e-6, True, False, None, 1),
        (1e-9, 1e-5, 1e-9, False, False, 1e-3, 1),
        (1e-9, 1e-5, 1e-9, False, False, None, 2),
        (1e-9, 1e-9, 0.0, False, False, None, 1),
        (1e-9, 1e-3, 0.0, False, False, None, 1),
        (1e-5, 1e-5, 0.0, False, False, None, 1),
    ),
)
def test_without_noise_what_is_near_but_not_exact_is_searched_again(
    monkeypatch, noise, left, again, searched, better, given, stretches
):
    """With a fine floor; what is not exact there either, as of a solver's errors, is not better.

    Nor is it tried where such errors grow, so that the recording is fitted in stretches.
    """
    made = prepared(TIMES, STATES, operations=("sin", "cos"), floor=given)
    made = made._replace(signals=[s._replace(noise=np.full(2, noise)) for s in made.signals])

    def model(size):
        chosen = candidate(np.eye(2, 3))._replace(variance=np.full(2, size**2))
        segments = made.segments(1.0)._replace(starts=np.eye(4, stretches))
        final = found_by(chosen, segments=segments)
        none = Discrepancy.none(2)
        return models.FoundModel(made, final, final, models.NOTHING_FITTED, none)

    floors = []

    def first(session, units):
        floors.append(session.floor)
        return made, model(again).first

    monkeypatch.setattr(models.stages, "first_search", first)
    found = models.Searched(model(again), (made, model(again).first), False)
    monkeypatch.setattr(models, "search_model", lambda *given: found)
    session = Session(made.parts, made.signals, Question(), lambda *now: None)
    usual = models.Searched(model(left), (made, model(left).first), False)
    assert (models.at_fine_floor(session, usual) is not None) == better
    assert floors == [constants.FINE_FLOOR] * searched


@pytest.mark.parametrize("power", (-3, 1))
def test_a_regression_says_whether_negative_powers_may_replace_terms(power):
    """r'' = 1/r³ - 1/r² in place of three terms, and none in a damped oscillator."""

    def field(r, v):
        return r**-3 - r**-2 if power < 0 else 1 - r - 0.2 * v

    times = np.linspace(0, 12, 300)
    states = solved(lambda y: [y[1], field(*y)], (1.4, 0.0), times)
    usual = prepared(times, noisy(states, 0.005), operations=("reciprocal",))
    mask = np.zeros(usual.problem.admissible.shape)
    mask[1, : constants.NUMBER_REPLACES] = 1.0
    first = found_by(candidate(mask)._replace(variance=np.zeros(2)), noise=np.zeros(2))
    made = prepared(times, noisy(states, 0.005), operations=("reciprocal",), inverse=(0,))
    assert models._may_replace(usual, first, made) == (power < 0)


@pytest.mark.parametrize(
    ("left", "independent", "slow", "stays"),
    (
        (0.02, 0.1, 0.9, True),
        (0.02, 0.9, 0.9, False),
        (0.5, 0.1, 0.9, False),
        (0.02, 0.1, 0.1, False),
    ),
)
def test_a_choice_that_follows_stays_where_a_slow_error_would_be_all_of_a_state(
    monkeypatch, left, independent, slow, stays
):
    """Not where it leaves noise alone, does not follow, or where the slow error is small."""
    made = prepared(TIMES, STATES)
    spread = np.concatenate([s.measured for s in made.signals]).std(0)
    mask = np.ones(made.problem.admissible.shape)
    usual = candidate(mask)._replace(
        variance=(left * spread) ** 2, independent=np.full(2, independent)
    )
    first = found_by(usual, noise=np.zeros(2))
    nothing = Discrepancy.none(2)
    model = models.FoundModel(made, first, first, models.NOTHING_FITTED, nothing, None)
    other = first._replace(chosen=candidate(0 * mask))
    beside = other, Discrepancy(np.array([0.0, slow * spread[1]]), np.array([0.0, 1.0]))
    monkeypatch.setattr(models, "nearly_right", lambda *given, **knobs: beside)
    session = Session(made.parts, made.signals, Question(), lambda *now: None)
    found = models.beside(session, model)
    assert (found.final is first) == stays and (found.slow is nothing) == stays
