"""Models in words."""

import numpy as np
import pytest
from one_state import LINEAR, TERMS, WORDS, prepared
from problems import candidate, found, narrow

from nsindy.discovery import constants
from nsindy.discovery.answer.wording import Wording
from nsindy.terms import operations, primitive
from nsindy.terms.numbered import WAVE, Inner
from nsindy.terms.numbered_operations import with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.term import Term

BELOW, ABOVE = 1 - 1e-6, 1 + 1e-6


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
    wave = Term(operations.get("sin"), (Term(primitive.times(6.28), (0,)),))
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
