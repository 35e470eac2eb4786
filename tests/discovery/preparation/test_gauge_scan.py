"""The scan of coordinates of a hidden state: which of them have short equations."""

import numpy as np
import pytest
from hidden_motions import prey

from nsindy.discovery.preparation import gauge_scan
from nsindy.discovery.preparation.gauge import Link
from nsindy.terms.term import parse
from nsindy.terms.text import readable

NAMES = ("y", "h")


def term(text):
    return parse(text, NAMES)


def test_the_short_equations_of_the_prey_are_found():
    motion, a, _ = prey()
    texts = "one()", "identity(y)", "identity(h)", "mul(y,y)", "mul(y,h)", "mul(h,h)"
    terms = [term(text) for text in texts]
    beside = np.array([True, True, False, True, False, False])
    allowed = np.ones(len(terms), bool)
    plain, *others = gauge_scan.gauges(
        Link(0, term("mul(y,h)")), motion, terms, beside, allowed, (), 100.0
    )
    assert not plain.beside
    best = others[0]
    (own,) = best.beside
    assert readable(own.term, NAMES) == "y"
    # The minimum of the scan is found to its tolerance, a few millionths.
    assert own.value == pytest.approx(a, rel=1e-4)
    assert {readable(terms[m], NAMES) for m in best.support} == {"h", "y h"}
