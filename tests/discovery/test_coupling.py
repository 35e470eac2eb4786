"""States that rise and fall together, and equations in which neither acts on the other."""

import numpy as np
import pytest
from problems import coefficients, noisy, prepared, solved

import nsindy
from nsindy.discovery import coupling
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports.session import Session

TIMES = np.linspace(0, 40, 40)


def cups(y):
    """Two cups that cool to 22 degrees in one room."""
    return [0.05 * (22 - y[0]), 0.042 * (22 - y[1])]


def chain(y):
    """What decays, and what it becomes."""
    return [-0.08 * y[0], 0.08 * y[0]]


def hares(y):
    return [y[0] - 0.5 * y[0] * y[1], 0.3 * y[0] * y[1] - 0.7 * y[1]]


@pytest.mark.parametrize(("field", "pairs"), ((cups, ((0, 1),)), (hares, ())))
def test_states_that_rise_and_fall_together(field, pairs):
    states = solved(field, (3.0, 2.0), TIMES)
    made = prepared(TIMES, noisy(states, 0.01))
    assert coupling.tied_states(made) == pairs


def test_no_term_of_one_is_in_the_equation_of_the_other():
    made = prepared(TIMES, solved(cups, (85.0, 70.0), TIMES))
    session = Session(made.parts, made.signals, Question(), lambda *now: None, apart=((0, 1),))
    allowed = session.narrowed(made).problem.admissible
    for own, row in enumerate(allowed):
        held = {name for name, open_ in zip(made.terms, row, strict=True) if open_}
        places = {a for term in held for a in term.arguments if isinstance(a, int)}
        assert places == {own} and row.sum() == 4
    assert made.problem.admissible.sum() == 20


@pytest.mark.parametrize(
    ("field", "initial", "terms"),
    (
        pytest.param(cups, (85.0, 70.0), [{"1", "black"}, {"1", "cream"}], marks=pytest.mark.slow),
        pytest.param(chain, (1.0, 0.0), [{"black"}, {"black"}], marks=pytest.mark.slow),
    ),
)
def test_two_cups_do_not_act_on_one_another_and_a_chain_does(field, initial, terms):
    states = noisy(solved(field, initial, TIMES), 0.005)
    found = nsindy.discover(TIMES, states, states=["black", "cream"], operations=())
    assert [set(coefficients(found, d)) for d in (0, 1)] == terms
    said = any("rise and fall together" in note for note in found.notes)
    assert not said or field is cups
