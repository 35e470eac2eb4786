"""Supports with a number, grown in one regression."""

import numpy as np
import pytest

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_growth


def test_three_terms_of_which_no_two_are_worth_much_are_met():
    """A gene that switches itself on: 0.1 + 2 x²/(1 + x²) - 0.8 x, every pair of it far off."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0.05, 3.5, 200))
    base = np.stack([x**0, x, x**2, x**3, np.tanh(x), x / (1 + x), x**2 / (1 + x), np.sqrt(x)], 1)
    numbers = np.geomspace(0.1, 10.0, 24)
    own = (x[:, None] ** 2 / (numbers**2 + x[:, None] ** 2))[:, None]
    target = 0.1 + 2.0 * x**2 / (0.95**2 + x**2) - 0.8 * x
    one = number_growth.Regression(
        base, target[:, None], [np.ones(200)], [x[:, None]], 200.0, constants.FINE
    )
    costs = np.full(9, 3.0)
    (form,) = number_growth.best_triples(one, base, own, target, costs, np.arange(base.shape[1]))
    # Every other pair, and every number, by least squares on the same columns.
    assert form.terms == (0, 1, 8)
    assert numbers[form.at] == pytest.approx(0.95, rel=0.12)
    grams = number_growth.grams_of(base, own, target)
    grown = number_growth.grow(grams, costs, 8, 3, one, 8)
    assert form.score > max(each.score for each in grown) + 100
