"""Recordings of one law whose numbers are others in each."""

import re

import numpy as np
import pytest
from problems import coefficients, noisy, solved

import nsindy

TIMES = np.linspace(0, 60, 40)


def cooling(rates, noise=0.003):
    """Cups that cool from 80 to 20 degrees, each at a rate of its own."""
    every = [solved(lambda y, k=k: [k * (20 - y[0])], (80.0,), TIMES) for k in rates]
    return [noisy(states, noise, seed=n) for n, states in enumerate(every)]


@pytest.mark.slow
def test_numbers_of_each_recording_are_told():
    rates = (0.02, 0.04, 0.06)
    found = nsindy.discover([TIMES] * 3, cooling(rates), states=["T"], operations=())
    assert found.verdict != "equation"
    said = next(w for w in found.warnings if w.startswith("each recording by itself"))
    numbers = re.findall(r"recording \d: T' = (\S+) - (\S+) T", said)
    assert len(numbers) == 3
    for (constant, slope), k in zip(numbers, rates, strict=True):
        assert float(constant) == pytest.approx(20 * k, rel=0.1)
        assert float(slope) == pytest.approx(k, rel=0.1)


def test_of_one_law_for_all_nothing_is_told():
    found = nsindy.discover([TIMES] * 2, cooling((0.04, 0.04)), states=["T"], operations=())
    assert set(coefficients(found, 0)) == {"1", "T"} and found.verdict == "equation"
    assert not any("by itself" in warning for warning in found.warnings)
