"""Supports with a number, grown in one regression."""

import numpy as np
import pytest

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_growth
from nsindy.discovery.numbers.number_blocks import Block
from nsindy.discovery.preparation.kinds import KINDS, Kinds


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
    (form,) = number_growth.best_of_few(one, base, own, target, costs, np.arange(base.shape[1]))
    # Every other pair, and every number, by least squares on the same columns.
    assert form.terms == (0, 1, 8)
    assert numbers[form.at] == pytest.approx(0.95, rel=0.12)
    grams = number_growth.grams_of(base, own, target)
    grown = number_growth.grow(grams, costs, 8, 3, one, 8)
    assert form.score > max(each.score for each in grown) + 100


def test_one_number_in_two_terms_of_a_support():
    """Growth to a limit in the light, (x - x²/3) u/(0.5 + u) - 0.2 x, among products."""
    rng = np.random.default_rng(1)
    x, u = rng.uniform(0.2, 2.5, 200), rng.uniform(0.0, 3.0, 200)
    base = np.stack([x**0, x, u, x * u, x**2 * u, x * u**2, x**2], 1)
    numbers = np.geomspace(0.05, 10.0, 24)
    bent = u[:, None] / (numbers + u[:, None])
    own = np.stack([bent, x[:, None] * bent, x[:, None] ** 2 * bent], 1)
    target = (x - x**2 / 3) * u / (0.5 + u) - 0.2 * x
    one = number_growth.Regression(
        base, target[:, None], [np.ones(200)], [x[:, None]], 200.0, constants.FINE
    )
    costs, among = np.full(10, 3.0), np.arange(base.shape[1])
    found = number_growth.best_of_few(one, base, own, target, costs, among)
    best = max(found, key=lambda form: form.score)
    assert best.terms == (1, 8, 9)
    assert numbers[best.at] == pytest.approx(0.5, rel=0.15)


def test_two_numbers_far_from_those_that_are_tried_are_met_by_their_slopes():
    """A speed that a distance asks for, -0.4 v - 1 + 2/(1 + exp(-1.7 (x - 2.1))), v = cos(2 x)."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0.0, 4.0, 200))
    base = np.stack([x**0, x, np.cos(2 * x), x**2, x**3, np.sqrt(x), x**2 / (1 + x)], 1)
    target = -0.4 * base[:, 2] - 1 + 2 / (1 + np.exp(-1.7 * (x - 2.1)))
    one = number_growth.Regression(
        base, target[:, None], [np.ones(200)], [x[:, None]], 200.0, constants.FINE
    )
    kinds = Kinds((), KINDS)
    shapes = kinds.shapes("sigmoid", (0,), 0)[:1]
    block = Block("sigmoid", (0,), np.linspace(0.2, 3.8, 10), shapes, np.full(1, 3.0), 1.2)
    own, near = (one.columns(block._replace(second=k))[:, None] for k in (1.2, 1.21))
    costs, among = np.full(8, 3.0), np.arange(base.shape[1])
    given = one, base, own, target, costs, among
    with_slopes, two = number_growth.best_of_few(*given, near - own)
    (without,) = number_growth.best_of_few(*given)
    assert len(two.terms) == 2 and two.score < with_slopes.score
    assert with_slopes.terms == (0, 2, 7) and with_slopes.score > without.score + 30
    fixed = base[:, with_slopes.terms[:2]]
    found, left = number_growth.refine(one, fixed, block, np.array([0]), with_slopes.at, target)
    assert found.numbers[0] == pytest.approx(2.1, abs=1e-2) and left < 1e-5
    assert found.second == pytest.approx(1.7, rel=1e-2)


def test_two_numbers_do_not_leave_what_was_looked_at():
    """Noise has no threshold: its best one would go anywhere."""
    rng = np.random.default_rng(3)
    x, target = np.linspace(0.0, 4.0, 60), rng.standard_normal(60)
    base = np.ones((60, 1))
    one = number_growth.Regression(base, target[:, None], [np.ones(60)], [x[:, None]], 60.0, 0.1)
    shapes = Kinds((), KINDS).shapes("sigmoid", (0,), 0)[:1]
    block = Block("sigmoid", (0,), np.linspace(0.2, 3.8, 10), shapes, np.full(1, 3.0), 1.2)
    found, _ = number_growth.refine(one, base, block, np.array([0]), 5, target)
    far = number_growth.FARTHEST
    assert abs(found.numbers[0] - block.numbers[5]) <= far * 0.8 + 1e-9
    assert np.exp(-far) <= found.second / 1.2 <= np.exp(far)
