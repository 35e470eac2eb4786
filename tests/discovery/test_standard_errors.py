"""Standard errors and growth against dense algebra on the rows themselves."""

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.discovery import conclusion, search, signals
from nsindy.discovery.candidates import Candidate, Problem
from nsindy.discovery.wave_fit import Fitted
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Segments

ROWS, INITIAL = 120, 3
MASK = np.array([[True, False, True], [False, True, False]])
SAMPLES = np.array([70.0, 50.0])
INDEPENDENT = np.array([0.5, 0.8])


def linearised():
    """Rows in units of the noise, and their compression."""
    rng = np.random.default_rng(0)
    by_initial, by_terms = rng.standard_normal((ROWS, INITIAL)), rng.standard_normal((ROWS, 6))
    target = rng.standard_normal(ROWS)
    rows = Linearised(*map(jnp.asarray, (by_initial, by_terms, target)))
    small = rows.compressed()
    parts = (small.by_initial, small.by_coefficients, small.target)
    return rows, Linearised(*map(np.asarray, parts))


def found(small):
    one = np.ones(2)
    zero, begin = np.zeros(MASK.shape), np.zeros((1, 2))
    best = Candidate(MASK, zero, begin, one, one, INDEPENDENT, 0.0, 0.0)
    return search.Found(best, [best], [], small, one, SAMPLES, True)


def problem():
    nothing = np.zeros(MASK.shape)
    given = dict.fromkeys(Problem._fields)
    return Problem(**given | {"admissible": np.ones(MASK.shape, bool), "known": nothing})


def dense():
    """√diag (AᵀA)⁻¹, the initial values fitted too, widened for the fit and autocorrelation."""
    rows, _ = linearised()
    columns = np.column_stack([rows.by_initial, np.asarray(rows.by_coefficients)[:, MASK.ravel()]])
    variance = np.diag(np.linalg.inv(columns.T @ columns))[INITIAL:]
    expected = np.zeros(MASK.size)
    expected[MASK.ravel()] = variance
    total, fitted = SAMPLES.sum(), MASK.sum() + INITIAL
    widening = total / (total - fitted) * total / np.sum(SAMPLES * INDEPENDENT)
    return expected.reshape(MASK.shape), widening


def test_standard_errors_are_those_of_the_dense_covariance():
    _, small = linearised()
    variance, widening = dense()
    errors = conclusion.standard_errors(found(small), problem())
    np.testing.assert_allclose(errors, np.sqrt(variance * widening), rtol=1e-9)
    assert not errors[~MASK].any()


def test_the_error_of_a_wave_number_moves_the_coefficients():
    """The variance of ξ(w) is that at w plus (dξ/dw)² times that of w (total variance)."""
    _, small = linearised()
    variance, widening = dense()
    slopes = np.arange(6.0).reshape(MASK.shape)
    wave = Fitted(2.0, 0.1, slopes)
    errors = conclusion.standard_errors(found(small), problem(), wave)
    expected = np.where(MASK, variance + (0.1 * slopes) ** 2, 0.0)
    np.testing.assert_allclose(errors, np.sqrt(expected * widening), rtol=1e-9)


def segments(count):
    starts = np.zeros((count, 4))
    starts[0, 0] = 1.0
    return Segments(**dict.fromkeys(Segments._fields) | {"starts": starts})


@pytest.mark.parametrize("growth", [10.0, 100.0, 1e4])
def test_a_stretch_ends_where_an_error_has_outgrown_the_limit(growth):
    """Along constant segments the largest growth is the norm of a power of the propagator."""
    propagator = np.array([[1.5, 0.4], [0.0, 0.7]])
    first = signals.windows(segments(30), np.stack([propagator] * 30), growth=growth)
    begun = np.flatnonzero(np.asarray(first.starts).any(1))
    powers = [np.linalg.matrix_power(propagator, n) for n in range(31)]
    length = next(n for n, power in enumerate(powers) if np.linalg.norm(power, 2) > growth)
    np.testing.assert_array_equal(begun, np.arange(0, 30, length))


def test_without_growth_and_with_an_endless_one():
    still = signals.windows(segments(8), np.stack([np.eye(2)] * 8))
    assert np.asarray(still.starts).sum() == 1
    broken = np.stack([np.eye(2)] * 8)
    broken[3] = np.nan
    begun = np.asarray(signals.windows(segments(8), broken).starts).any(1)
    np.testing.assert_array_equal(np.flatnonzero(begun), [0, 4])
