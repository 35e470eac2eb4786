"""Terms of two numbers of which one is of no account."""

import numpy as np
import pytest
from problems import prepared

from nsindy.discovery.numbers.number_blocks import Offer
from nsindy.discovery.numbers.number_limits import with_one_number, without_line
from nsindy.discovery.preparation import building, smooth_signals
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports.candidates import regressed
from nsindy.recording.check import Recording
from nsindy.terms.numbered import Inner
from nsindy.terms.text import readable

TIMES = np.linspace(0, 5, 60)
STATES = np.stack([1 + TIMES, np.exp(-TIMES)], 1)


def limits(two, chosen):
    """The numbers, and the terms of each equation, in place of those of a choice with two."""
    plain = prepared(TIMES, STATES, operations=("saturation",))
    wide = prepared(TIMES, STATES, operations=("saturation",), inner=[two])
    rows = [readable(term, ("x", "y")) for term in wide.terms]
    mask = np.array([[row in each for row in rows] for each in chosen])
    assert (mask.sum(1) == [len(each) for each in chosen]).all()
    found = []
    for offer in with_one_number(wide, plain, mask):
        terms = [*plain.terms, *plain.kinds.terms(offer.inner, 2)]
        said = [{readable(terms[m], ("x", "y")) for m in np.flatnonzero(row)} for row in offer.mask]
        found.append((offer.inner, said))
    return found


def test_a_parabola_below_is_a_hill_term_or_a_saturation():
    """x²/(K + x + x²/L) is nearly L x²/(K L + x²), where x stands below the line by chance."""
    two = Inner("haldane", 0, 3.2, second=0.2)
    term = "x^2/(3.200 + x + x^2/0.2000)"
    hill, saturation = limits(two, [{"x", term}, {"1"}])
    assert hill[0] == Inner("hill2", 0, pytest.approx(0.8))
    assert hill[1] == [{"x", "x^2/(0.8000^2 + x^2)"}, {"1"}]
    assert saturation == (Inner("saturation", 0, 3.2), [{"x", "x^2/(3.200 + x)"}, {"1"}])
    assert limits(two, [{"x"}, {"1"}]) == []


def test_a_state_that_is_of_no_account_goes():
    two = Inner("competition", 1, 0.5, before=0, second=900.0)
    term = "x y/(1 + x/0.5000 + y/900.0)"
    first, second = limits(two, [{"x", term}, {term}])
    assert first == (Inner("saturation", 0, 0.5), [{"x", "y x/(0.5000 + x)"}, {"y x/(0.5000 + x)"}])
    assert second[0] == Inner("saturation", 1, 900.0)
    assert second[1][1] == {"x y/(900.0 + y)"}


def test_a_line_beside_its_logarithm_is_another_number():
    """0.4 x - 0.3 x log(x / 2) is -0.3 x log(x / L)."""
    times = np.linspace(0, 20, 200)
    curve = 4.0 * np.exp(np.log(0.2 / 4.0) * np.exp(-0.3 * times))[:, None]
    inner = Inner("logarithm", 0, 2.0)
    wide = prepared(times, curve, operations=("log",), inner=[inner])
    rows = [readable(term, ("x",)) for term in wide.terms]
    both = np.array([[row in ("x", "x log(x/2.000)") for row in rows]])
    assert both.sum() == 2
    start = regressed(wide.problem, both)
    offer = without_line(Offer(inner, both, 3.0), wide, start.coefficients)
    assert offer.inner.number == pytest.approx(4.0, rel=1e-3)
    assert [rows[m] for m in np.flatnonzero(offer.mask[0])] == ["x log(x/2.000)"]
    alone = Offer(inner, offer.mask, 3.0)
    assert without_line(alone, wide, start.coefficients) is alone


def test_the_logarithm_of_an_input_is_multiplied_with_no_input():
    """So nothing beside it says what its number is."""
    times = np.linspace(0, 5, 60)
    part = Recording(times, np.exp(-times)[:, None], (1 + times)[:, None])
    smoothed, units = smooth_signals.smooth_recordings([part], 1)
    inner = Inner("logarithm", 1, 2.0)
    question = Question(operations=("log",))
    wide = building.prepare([part], smoothed, units._replace(inner=(inner,)), question)
    mask = np.ones((1, len(wide.terms)), bool)
    offer = Offer(inner, mask, 3.0)
    assert without_line(offer, wide, np.ones(mask.shape)) is offer
