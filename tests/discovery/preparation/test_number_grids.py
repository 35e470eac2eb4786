"""Which numbers are tried inside terms, for the values that a variable has."""

import numpy as np
import pytest

from nsindy.discovery.preparation import kinds, number_grids
from nsindy.discovery.preparation.kinds import KINDS

POSITIVE, SIGNED = np.linspace(0.5, 4.0, 30), np.linspace(-2.0, 4.0, 30)

ALONE = [name for name, kind in KINDS.items() if kind.variables == 1 and name != kinds.FREE]
PAIRED = [name for name, kind in KINDS.items() if kind.variables == 2]


def grid(kind, *values):
    return KINDS[kind].grid(*(np.asarray(each, float) for each in values))


@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.parametrize("value", (0.0, 2.0, -2.0))
def test_values_that_do_not_change_ask_for_no_number(kind, value):
    assert not len(grid(kind, np.full(10, value)))


@pytest.mark.parametrize("kind", PAIRED)
def test_two_variables_ask_for_a_number_where_both_change(kind):
    still = np.full(30, 2.0)
    assert not len(grid(kind, still, POSITIVE)) and not len(grid(kind, POSITIVE, still))
    falling = POSITIVE[::-1] ** 2
    tried = grid(kind, POSITIVE, falling)
    # Few powers of both are no other terms.
    least = 3 if kind == "difference_of_powers" else 11
    assert len(tried) >= least and np.isfinite(tried).all() and (np.diff(tried) > 0).all()
    # Of a state that changes its sign the ratio has a pole, and so has 1 + x y / K.
    anywhere = kind.startswith("radial") or kind in ("difference_power", "size_of_difference")
    assert bool(len(grid(kind, SIGNED, falling))) == anywhere


def test_a_difference_that_keeps_its_sign_has_no_square_of_its_own():
    assert 2 in grid("difference_power", POSITIVE, POSITIVE[::-1])
    assert 2 not in grid("difference_power", POSITIVE, POSITIVE**2 + 1)


def test_lines_part_the_values():
    """|x - k y| bends where x = k y, between some of the values, whatever their signs and units."""
    rng = np.random.default_rng(0)
    for x, y in (rng.uniform(0.5, 4.0, (2, 300)), rng.normal(size=(2, 300))):
        tried = grid("size_of_difference", 1e3 * x, 1e-3 * y)
        shares = np.mean(x[:, None] > 1e-6 * tried * y[:, None], 0)
        assert len(tried) > 15 and (np.diff(tried) > 0).all()
        assert shares.min() > 0.005 and shares.max() < 0.995
        if (x > 0).all():
            assert (tried > 0).all() and shares.min() < 0.1 and shares.max() > 0.9
        else:
            assert np.min(np.abs(tried)) < 2e5 and tried[0] < -2e6 and tried[-1] > 2e6


def test_shares_lie_around_the_ratios_of_the_values():
    tried = grid("ratio_share", POSITIVE, 3.0 * POSITIVE)
    np.testing.assert_allclose([tried[0], tried[-1]], [0.9, 9.0])
    # Where one nearly vanishes they still are few decades.
    falls = np.geomspace(1.0, 0.021, 50)
    wide = grid("ratio_share", falls[::-1], falls)
    assert wide[-1] / wide[0] == pytest.approx(number_grids.MOST_RATIOS)


@pytest.mark.parametrize("kind", ALONE)
def test_numbers_are_finite_and_increase(kind):
    # A dead zone is of what changes its sign.
    tried = grid(kind, SIGNED if kind == "dead_zone" else POSITIVE)
    assert len(tried) > 10 and np.isfinite(tried).all() and (np.diff(tried) > 0).all()
    assert tried.all()


def test_a_saturation_is_of_values_that_are_not_negative():
    """But for the noise of a concentration near 0; 1 + x² has no pole."""
    assert not len(grid("saturation", SIGNED)) and not len(grid("saturation", -POSITIVE))
    near = np.append(POSITIVE, -0.99 * number_grids.NEGATIVE * POSITIVE.max())
    assert len(grid("saturation", near))
    far = np.append(POSITIVE, -1.01 * number_grids.NEGATIVE * POSITIVE.max())
    assert not len(grid("saturation", far))
    for kind in ("hill2", "hill4", "exponential", "tanh"):
        assert len(grid(kind, SIGNED))


def test_powers_and_their_like_are_of_positive_values():
    empty = np.append(POSITIVE, 0.0)
    for kind in ("arrhenius", "power"):
        assert not len(grid(kind, SIGNED))
    assert not len(grid("arrhenius", empty))
    # Of a tank that runs empty there are roots, and no inverse.
    tried = grid("power", empty)
    assert 0.5 in tried and (tried > 0).all()


def test_a_power_needs_values_that_differ():
    assert len(grid("power", [3.1, 4.0])) and not len(grid("power", [3.3, 4.0]))
    # Whole ones of the library are not tried; the inverse square and the fourth power are.
    assert not set(grid("power", POSITIVE)) & set(range(-1, 4))
    assert {-3, -2, -0.5, 0.5, 1.5, 4} <= set(grid("power", POSITIVE))


@pytest.mark.parametrize("kind", ("saturation", "hill2", "hill3", "hill4"))
@pytest.mark.parametrize("scale", (1e-3, 1.0, 1e6))
def test_half_saturations_are_shares_of_the_largest_value(kind, scale):
    shares = grid(kind, scale * POSITIVE) / (scale * POSITIVE.max())
    assert shares[0] == pytest.approx(0.03) and shares[-1] == pytest.approx(10.0)
    np.testing.assert_allclose(np.diff(np.log(shares)), np.log(10 / 0.03) / (len(shares) - 1))


@pytest.mark.parametrize("scale", (1e-3, 1.0, 1e6))
def test_rates_are_those_that_bend_over_the_values(scale):
    """From a third of an e-folding to thirty; growth and decay; slopes by the largest value."""
    values = scale * SIGNED
    for tried, span in (
        (grid("exponential", values), np.ptp(values)),
        (grid("arrhenius", scale * POSITIVE), (1 / 0.5 - 1 / 4.0) / scale),
    ):
        np.testing.assert_allclose(tried, -tried[::-1])
        assert np.min(np.abs(tried)) * span == pytest.approx(0.3)
        assert np.max(tried) * span == pytest.approx(30.0)
    slopes = grid("tanh", values) * 4.0 * scale
    assert slopes[0] == pytest.approx(0.3) and slopes[-1] == pytest.approx(30.0)


@pytest.mark.parametrize("kind", ("sigmoid", "haldane", "competition"))
@pytest.mark.parametrize("scale", (1e-3, 1.0, 1e6))
def test_second_numbers_scale_with_the_values(kind, scale):
    """A threshold lies among the values, and is the steeper the smaller they are."""
    values = [POSITIVE] * KINDS[kind].variables
    one, other = (KINDS[kind].seconds(*(s * v for v in values)) for s in (1.0, scale))
    power = -1 if kind == "sigmoid" else 1
    np.testing.assert_allclose(other, np.array(one) * scale**power)
    if kind == "sigmoid":
        tried = grid(kind, scale * SIGNED)
        assert scale * SIGNED.min() < tried.min() < 0 < tried.max() < scale * SIGNED.max()
