"""Coordinates of a state that was not measured: what it is in each, and which are short."""

import numpy as np
from hidden_motions import prey

from nsindy.discovery.preparation import gauge
from nsindy.discovery.preparation.gauge import Gauge, Link
from nsindy.discovery.preparation.known import Bound
from nsindy.terms.term import parse
from nsindy.terms.text import readable

NAMES = ("y", "h")


def term(text):
    return parse(text, NAMES)


def test_the_hidden_state_and_its_derivative_follow_from_the_measured_one():
    motion, a, w = prey()
    found = gauge.hidden_motion(
        Gauge(Link(0, term("mul(y,h)"), -1.0), (Bound(0, term("identity(y)"), a),)), motion
    )
    # y' = a y - y h is the system itself; the derivative is a central difference of step 1e-5.
    np.testing.assert_allclose(found.states, w, rtol=1e-8)
    np.testing.assert_allclose(found.rates, w * (motion.states[0] - 1), atol=1e-7)


def test_what_is_known_of_the_equation_is_subtracted():
    motion, a, w = prey()
    rest = (Bound(0, term("identity(y)"), a),)
    found = gauge.hidden_motion(Gauge(Link(0, term("mul(y,h)"), -0.5, rest)), motion)
    np.testing.assert_allclose(found.states, 2 * w, rtol=1e-8)


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
