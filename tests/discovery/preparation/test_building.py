"""The problem that a recording poses, in scaled units, against the equations in its own units."""

import numpy as np
import pytest
from problems import narrow, prepared, signal, solved

from nsindy.discovery import constants
from nsindy.discovery.preparation import building
from nsindy.terms.numbered import WAVE, Inner
from nsindy.terms.text import readable

TIMES = np.linspace(0, 0.012, 300)
SIZE, TIME = np.array([37.0, 0.5]), 1e-3


def pendulum(y):
    """x' = v / 2 and v' = -sin(x) + 0.3 v - 0.4 x² v, for a state of 37 and 0.5 and time in ms."""
    return [y[1] / 2, -np.sin(y[0]) + 0.3 * y[1] - 0.4 * y[0] ** 2 * y[1]]


FACTORS = {
    "identity(v)": lambda x, v: v,
    "sin(x)": lambda x, v: np.sin(x),
    "mul(x,mul(x,v))": lambda x, v: x * x * v,
}
TRUTH = ({"identity(v)": 0.5}, {"sin(x)": -1.0, "identity(v)": 0.3, "mul(x,mul(x,v))": -0.4})


@pytest.fixture(scope="module")
def clean():
    return solved(pendulum, (1.2, 0.0), TIMES / TIME)


@pytest.fixture(scope="module")
def first(clean):
    floor = np.array([0.01, 0.0])
    return prepared(TIMES, clean, operations=("sin", "log", "reciprocal"), floor=floor, slots=4)


@pytest.fixture(scope="module")
def second(clean):
    return prepared(TIMES, clean[:, :1], order=2, operations=("sin",))


def coefficients(one):
    """The true equations in the units of the recording [D, M]."""
    names = [term.name(("x", "v")) for term in one.terms]
    truth = np.zeros(one.back.shape)
    for d, row in enumerate(TRUTH):
        for name, value in row.items():
            truth[d, names.index(name)] = value / TIME
    return truth


def test_scaled_equations_are_those_of_the_recording(first, clean):
    """Θ (ξ / back) is the field at the smoothed states, and as good as the smoothed derivative."""
    (smoothed,), units = first.signals, first.units
    np.testing.assert_allclose(units.states, np.abs(clean).max(0))
    assert units.time == pytest.approx(TIMES[-1] / constants.SCALED_SPAN)
    slopes = first.theta @ (coefficients(first) / first.back).T
    raw = smoothed.states * units.states
    field = np.stack(pendulum(raw.T), 1) / TIME
    np.testing.assert_allclose(slopes * units.states / units.time, field, rtol=1e-10)
    # The ends of a spline are less sure.
    inner = slice(10, -10)
    np.testing.assert_allclose(slopes[inner], smoothed.derivatives[inner], atol=1e-4)


def test_factors_are_evaluated_at_raw_or_scaled_values(first):
    """sin(x) at the raw x; a product of variables at the scaled ones."""
    (smoothed,), units = first.signals, first.units
    names = [term.name(("x", "v")) for term in first.terms]
    x, v = smoothed.states.T
    np.testing.assert_allclose(first.theta[:, names.index("mul(x,v)")], x * v)
    raw = np.sin(x * units.states[0])
    np.testing.assert_allclose(first.theta[:, names.index("sin(x)")], raw)
    np.testing.assert_allclose(first.theta[:, names.index("mul(v,sin(x))")], v * raw)


def test_shares_are_those_of_the_derivative(first):
    (smoothed,) = first.signals
    rms = np.sqrt(np.mean(first.theta**2, 0))
    for d, slope in enumerate(smoothed.derivatives.T):
        np.testing.assert_allclose(first.problem.shares[d], rms / np.sqrt(np.mean(slope**2)))


def test_regression_is_that_of_the_smoothed_derivatives(first):
    """Noise is constant here, so every sample has weight 1."""
    (smoothed,), factor = first.signals, first.problem.factor
    joined = np.hstack([first.theta, smoothed.derivatives])
    np.testing.assert_allclose(factor.T @ factor, joined.T @ joined, atol=1e-8)


def test_operations_without_a_value_are_not_admissible(first, clean):
    """x and v pass through zero: log and 1/x have no value, nor has x log(v)."""
    assert (clean.min(0) < 0).all() and (clean.max(0) > 0).all()
    names = [term.name(("x", "v")) for term in first.terms]
    unusable = [any(word in name for word in ("log", "reciprocal")) for name in names]
    assert 0 < sum(unusable) < len(names)
    for row in first.problem.admissible:
        np.testing.assert_array_equal(row, ~np.array(unusable))
    assert not first.theta[:, unusable].any() and np.isfinite(first.theta).all()


def test_operations_with_values_are_admissible(clean):
    one = prepared(TIMES, clean[:, :1] + 3, operations=("log", "reciprocal"))
    assert one.problem.admissible.all()


def test_the_floor_is_the_known_noise_in_scaled_units(first, second):
    scaled = 0.01 / first.units.states[0]
    assert scaled > constants.NOISE_FLOOR
    np.testing.assert_allclose(first.problem.floor, [scaled, constants.NOISE_FLOOR])
    # A velocity that was not measured has no floor.
    np.testing.assert_array_equal(second.problem.floor, [constants.NOISE_FLOOR, 0.0])


def test_slots_are_not_more_than_there_are_terms(first, clean):
    assert first.problem.slots == 4
    few = prepared(TIMES[:12], clean[:12, :1], slots=50)
    assert few.problem.slots == len(few.terms) < 50


def test_the_degree_is_the_most_variables_in_a_product(clean):
    for degree, count in ((1, 3), (2, 6), (4, 15)):
        one = prepared(TIMES, clean, degree=degree)
        assert len(one.terms) == count
        assert "x^4" in [readable(t, ("x", "v")) for t in one.terms] or degree < 4


def test_with_positions_alone_the_first_equation_is_given(second, clean):
    """x' = x', in whatever units: with the coefficient that makes it true."""
    names = [term.name(("x", "v")) for term in second.terms]
    given = second.problem.known
    assert np.argwhere(given).tolist() == [[0, names.index("identity(v)")]]
    assert not second.problem.admissible[0].any() and second.problem.admissible[1].any()
    (smoothed,) = second.signals
    np.testing.assert_allclose(second.theta @ given[0], smoothed.derivatives[:, 0], atol=1e-12)
    raw = given[0] * second.back[0]
    assert raw[names.index("identity(v)")] == pytest.approx(1.0)
    velocity = (smoothed.states * second.units.states)[10:-10, 1] * TIME
    np.testing.assert_allclose(velocity, clean[10:-10, 1] / 2, atol=1e-3)


@pytest.mark.parametrize(("samples", "expected"), ((24, 8), (23, 4), (10, 4)))
def test_length_of_a_segment(samples, expected):
    """Three segments at least, in the shortest recording too, if they may have eight intervals."""
    assert constants.SEGMENT_LENGTHS == (4, 8)
    assert building._length([signal(np.ones((n, 1))) for n in (1200, samples)]) == expected


def test_a_fitted_wave_has_the_values_of_its_number(clean):
    one = prepared(TIMES, clean[:, :1], operations=("sin",), waves=[2.5])
    assert len(one.terms) == one.theta.shape[1] and one.units.inner == (Inner(WAVE, 0, 2.5),)
    (smoothed,) = one.signals
    raw = smoothed.states[:, 0] * one.units.states[0]
    np.testing.assert_allclose(one.theta[:, -1], np.sin(2.5 * raw), atol=1e-12)


def test_columns_that_are_no_terms_hold_nothing():
    problem = narrow(3, 2, columns=np.broadcast_to(np.arange(8), (2, 8)))
    values = np.arange(1.0, 7).reshape(2, 3)
    np.testing.assert_array_equal(problem.of_columns(values), np.pad(values, ((0, 0), (0, 5))))
    np.testing.assert_array_equal(problem.of_terms(problem.of_columns(values)), values)
    assert not problem.wide and problem.prior_of_columns.terms == 3


def test_of_several_recordings_the_first_hold_so_many_samples(first):
    longer = np.concatenate([first.theta, 2 * first.theta, 3 * first.theta])
    several = first._replace(parts=first.parts * 3, signals=first.signals * 3, theta=longer)
    for samples, count in ((1, 1), (300, 1), (301, 2), (10_000, 3)):
        some = several.first_recordings(samples)
        assert len(some.parts) == len(some.signals) == count
        np.testing.assert_array_equal(some.theta, longer[: 300 * count])
