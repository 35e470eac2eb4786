"""Products of sines and cosines that are those of differences and sums."""

import numpy as np
import pytest

from nsindy.discovery.answer.phase_differences import of_differences
from nsindy.terms.term import parse

NAMES = ("a", "b")
PRODUCTS = ("mul(sin(a),cos(b))", "mul(sin(b),cos(a))", "mul(cos(a),cos(b))", "mul(sin(a),sin(b))")
TERMS = [parse(each, NAMES) for each in ("one()", *PRODUCTS)]


@pytest.mark.parametrize("a", (0.7, -2.0))
@pytest.mark.parametrize(
    ("row", "said", "function"),
    (
        ((1.0, 1.2, -1.19, 0, 0), "1.195 sin(a - b)", lambda a, b: np.sin(a - b)),
        ((1.0, -0.8, -0.8, 0, 0), "-0.800 sin(a + b)", lambda a, b: np.sin(a + b)),
        ((1.0, 0, 0, 0.5, 0.5), "0.500 cos(a - b)", lambda a, b: np.cos(a - b)),
        ((1.0, 0, 0, 0.5, -0.5), "0.500 cos(a + b)", lambda a, b: np.cos(a + b)),
    ),
)
def test_two_products_are_one_wave(row, said, function, a):
    row, b = np.array([row]), 0.4
    (note,) = of_differences(TERMS, row, np.full(row.shape, 0.01), NAMES, ["a'"])
    assert note.endswith(f"together are {said}") and note.startswith("in a' ")
    waves = np.array([0, np.sin(a) * np.cos(b), np.sin(b) * np.cos(a)])
    waves = np.append(waves, [np.cos(a) * np.cos(b), np.sin(a) * np.sin(b)])
    assert float(said.split()[0]) * function(a, b) == pytest.approx(row[0] @ waves, abs=0.02)


@pytest.mark.parametrize(
    "row", ((0, 1.2, -1.0, 0, 0), (0, 1.2, 0, 0, 0), (0, 1.2, 0, -1.2, 0), (0, 0, 0, 0.5, 0.6))
)
def test_products_that_differ_stay_two(row):
    assert of_differences(TERMS, np.array([row]), np.full((1, 5), 0.01), NAMES, ["a'"]) == ()
