"""Coordinates of a state that was not measured: what it is in each, and which are short."""

import numpy as np
import pytest

from nsindy.discovery.preparation import gauge
from nsindy.discovery.preparation.gauge import Gauge, Link, Motion
from nsindy.discovery.preparation.known import Bound
from nsindy.terms.term import parse
from nsindy.terms.text import readable

NAMES = ("y", "h")


def term(text):
    return parse(text, NAMES)


def prey(count=400):
    """Hares with y' = y (a - w), w' = w (y - 1), and their derivatives in closed form."""
    from scipy.integrate import solve_ivp

    a = 1.5
    t = np.linspace(0, 10, count)
    y, w = solve_ivp(
        lambda t, x: [x[0] * (a - x[1]), x[1] * (x[0] - 1)], (0, 10), [2.0, 1.0], t_eval=t,
        rtol=1e-10, atol=1e-12,
    ).y  # fmt: skip
    rate = y * (a - w)
    bend = rate * (a - w) - y * w * (y - 1)
    near = np.ones(count, bool)
    return Motion(y[None], rate[None], bend[None], np.zeros((0, count)), near, 1e-5), a, w


def test_the_hidden_state_and_its_derivative_follow_from_the_measured_one():
    motion, a, w = prey()
    found = gauge.hidden_motion(
        Gauge(Link(0, term("mul(y,h)"), -1.0), term("identity(y)"), a), motion
    )
    # y' = a y - y h is the system itself; the derivative is a central difference of step 1e-5.
    np.testing.assert_allclose(found.states, w, rtol=1e-8)
    np.testing.assert_allclose(found.rates, w * (motion.states[0] - 1), atol=1e-7)


def test_what_is_known_of_the_equation_is_subtracted():
    motion, a, w = prey()
    rest = (Bound(0, term("identity(y)"), a),)
    found = gauge.hidden_motion(Gauge(Link(0, term("mul(y,h)"), -0.5, rest)), motion)
    np.testing.assert_allclose(found.states, 2 * w, rtol=1e-8)


def test_the_short_equations_of_the_prey_are_found():
    motion, a, _ = prey()
    texts = "one()", "identity(y)", "identity(h)", "mul(y,y)", "mul(y,h)", "mul(h,h)"
    terms = [term(text) for text in texts]
    beside = np.array([True, True, False, True, False, False])
    allowed = np.ones(len(terms), bool)
    plain, *others = gauge.gauges(
        Link(0, term("mul(y,h)")), motion, terms, beside, allowed, (), 100.0
    )
    assert plain.term is None
    best = others[0]
    assert readable(best.term, NAMES) == "y"
    # The minimum of the scan is found to its tolerance, a few millionths.
    assert best.coefficient == pytest.approx(a, rel=1e-4)
    assert {readable(terms[m], NAMES) for m in best.support} == {"h", "y h"}


def test_a_link_is_alone_or_times_a_state_of_one_sign_or_what_is_known():
    motion, *_ = prey(50)
    names = [readable(link.term, NAMES) for link in gauge.links(motion, (), frozenset())]
    assert names == ["h", "y h"]
    wave = motion._replace(states=motion.states - 1.0)
    names = [readable(link.term, NAMES) for link in gauge.links(wave, (), frozenset())]
    assert names == ["h"]
    known = Bound(0, term("mul(y,h)"), 0.3), Bound(0, term("identity(y)"), -1.0)
    (link,) = gauge.links(motion, known, frozenset({0}))
    assert link.given and link.bound == known[0] and link.rest == known[1:]
    assert gauge.links(motion, known[1:], frozenset({0})) == []
