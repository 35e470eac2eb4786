"""Linear coordinates of a hidden state, against the numbers that simulate it."""

import numpy as np
import pytest
from hidden_motions import prey, room

from nsindy.discovery.preparation.gauge import Link, hidden_motion
from nsindy.discovery.preparation.linear_gauge import linear_gauges
from nsindy.terms.term import parse

NAMES = ("y", "h", "weather", "heat")
TEXTS = "one()", *(f"identity({name})" for name in NAMES), "mul(y,h)"
TERMS = [parse(text, NAMES) for text in TEXTS]
BESIDE = np.array([True, True, False, True, True, False])
ALLOWED = np.ones(len(TERMS), bool)
LINK = Link(0, parse("identity(h)", NAMES))


def test_a_room_with_walls_has_the_weather_and_the_heater_beside_the_walls():
    motion = room()
    first, *_ = linear_gauges(LINK, motion, TERMS, BESIDE, ALLOWED, 200.0)
    beside = {TEXTS[TERMS.index(bound.term)]: bound.value for bound in first.beside}
    # Integrals by the trapezium rule miss half a row of what a switch does.
    assert beside == pytest.approx({"identity(weather)": 0.13, "identity(heat)": 0.62}, rel=0.05)
    assert {TEXTS[m] for m in first.support} >= {f"identity({name})" for name in NAMES}
    hidden = hidden_motion(first, motion)
    rows = np.stack([motion.states[0], hidden.states, *motion.inputs])
    a = 0.9 + 0.13 + 0.06 + 0.012
    b = 0.9 * 0.06 - (0.9 + 0.13) * (0.06 + 0.012)
    weather = 0.13 * (0.06 + 0.012) + 0.9 * 0.012 - 0.13 * a
    heat = 0.62 * (0.06 + 0.012) - 0.62 * a
    between = np.abs(np.diff(motion.inputs[1], prepend=0.0, append=0.0))
    smooth = (between[1:] == 0) & (between[:-1] == 0)
    predicted = np.array([b, -a, weather, heat]) @ rows
    np.testing.assert_allclose(hidden.rates[smooth], predicted[smooth], atol=0.05)


def test_none_is_linear_where_a_measured_state_multiplies_it_or_nothing_stands_beside():
    motion = room()
    product = Link(0, parse("mul(y,h)", NAMES))
    assert linear_gauges(product, motion, TERMS, BESIDE, ALLOWED, 200.0) == []
    assert linear_gauges(LINK, motion, TERMS, np.zeros_like(BESIDE), ALLOWED, 200.0) == []
    alone, *_ = prey()
    names = NAMES[:2]
    terms = [parse(text, names) for text in TEXTS[:3]]
    link = Link(0, parse("identity(h)", names))
    assert linear_gauges(link, alone, terms, BESIDE[:3], ALLOWED[:3], 100.0) == []


def test_what_may_not_stand_in_an_equation_does_not():
    allowed = ALLOWED & (np.array(TEXTS) != "identity(heat)")
    found = linear_gauges(LINK, room(), TERMS, BESIDE, allowed, 200.0)
    assert all(TEXTS.index("identity(heat)") not in each.support for each in found)
