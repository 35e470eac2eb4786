"""The score of a support against its formula, and a support in the slots of the solver."""

import numpy as np
import pytest
from problems import candidate, narrow

from nsindy.discovery import constants
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Start


def fitted(coefficients, innovation):
    return candidate(coefficients, innovation=np.asarray(innovation))


def test_score_is_the_evidence_that_is_stated():
    samples = np.array([100.0])
    found = candidates.score(narrow(), fitted([[1.0, 0, 0, 0]], [0.04]), samples, initial=1)
    binomial = np.log(4)
    small = 100 / (100 - 1 - 1 - 2)
    expected = -50 * np.log(0.04) - 0.5 * np.log(100) * small - 3.0 - binomial - np.log(1 + 1 / 9)
    assert found == pytest.approx(expected)


def test_a_misfit_below_the_floor_earns_nothing():
    samples = np.array([100.0])
    scores = [
        candidates.score(narrow(), fitted([[1.0, 0, 0, 0]], [v]), samples)
        for v in (1.01e-6, 1e-6, 1e-12)
    ]
    assert scores[0] < scores[1] == scores[2]


def test_a_model_that_leaves_no_measurement_over_has_no_evidence():
    full, few = fitted([[1.0, 1, 1, 0]], [1e-4]), np.array([7.0])
    assert candidates.score(narrow(), full, few, initial=2) == -np.inf
    assert np.isfinite(candidates.score(narrow(), full, few, initial=1))


def test_terms_that_cancel_cost_more():
    samples = np.array([100.0])
    small, large = (
        candidates.score(narrow(), fitted([[a, -a, 0, 0]], [0.04]), samples) for a in (1.0, 30.0)
    )
    assert small - large == pytest.approx(2 * np.log((1 + 100) / (1 + 1 / 9)))


def test_a_term_is_large_from_its_share_of_the_derivative():
    """At `LARGE` times the derivative a term has lost log 2, whatever its coefficient."""
    samples, value = np.array([100.0]), {}
    for share in (0.0, constants.LARGE / 5):
        scaled = narrow(shares=np.full((1, 4), share))
        value[share] = candidates.score(scaled, fitted([[5.0, 0, 0, 0]], [0.04]), samples)
    assert value[0.0] - value[constants.LARGE / 5] == pytest.approx(np.log(2))


def test_a_state_that_was_not_measured_has_no_misfit():
    both = narrow(2, 2)
    one = candidate([[1.0, 0], [0, 1.0]], innovation=np.array([0.04, 0.0]))
    other = one._replace(innovation=np.array([0.04, 1e9]))
    samples = np.array([100.0, 0.0])
    assert candidates.score(both, one, samples) == candidates.score(both, other, samples)


def test_given_equations_fill_the_slots_and_are_not_fitted():
    """x' = 2 v is given, v' = 3 x - v is fitted; a support is known by both."""
    known = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    both = narrow(3, 2, known=known)
    mask = np.array([[False, False, False], [True, True, False]])
    begin = np.ones((1, 2))
    model = candidates.model(both, Start(mask, np.array([[9.0, 9, 9], [3.0, -1, 9]]), begin))
    rest = [0] * (constants.SLOTS - 3)
    np.testing.assert_array_equal(model.indices, [[1, 0, 0, *rest], [0, 1, 0, *rest]])
    np.testing.assert_array_equal(model.coefficients, [[2.0, 0, 0, *rest], [3.0, -1, 0, *rest]])
    np.testing.assert_array_equal(model.free[0], False)
    np.testing.assert_array_equal(model.free[1], [True, True, False, *rest])
    assert candidates.key_of(both, mask) == (mask | (known != 0)).tobytes()


def test_coefficients_of_a_start_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    theta, slopes = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    both = narrow(4, 2, factor=np.hstack([theta, slopes]), begin=np.ones((3, 2)))
    mask = np.array([[True, False, True, False], [False, False, False, True]])
    start = candidates.regressed(both, mask)
    for d, row in enumerate(mask):
        expected = np.linalg.lstsq(theta[:, row], slopes[:, d])[0]
        np.testing.assert_allclose(start.coefficients[d, row], expected)
        assert not start.coefficients[d, ~row].any()
    np.testing.assert_array_equal(start.begin, both.begin)
