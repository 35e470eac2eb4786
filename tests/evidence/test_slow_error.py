"""Slow errors beside white noise, against the whole covariance of a Gaussian process."""

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from nsindy.evidence import slow_error
from nsindy.evidence.slow_error import GRID, Rows, Slow

N = 120
ALL = Rows(np.ones(N, bool), np.ones(N, bool), np.arange(N) == 0)
KINDS = {"rough": slow_error._rough, "smooth": slow_error._smooth}


def covariance(kind, share, memory, lags):
    """Of slow error and noise together, in units of their sum."""
    if kind == "rough":
        slow = np.exp(-lags / memory)
    else:
        slow = (1 + 2.1 * lags / memory) * np.exp(-2.1 * lags / memory)
    return share * slow + (1 - share) * (lags == 0)


def row(place) -> Slow:
    return Slow(*(leaf[place] for leaf in GRID))


@pytest.fixture(scope="module", autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_whitened_errors_have_the_density_of_the_whole_covariance(kind):
    """Rows that do not count are left out of it, wherever they are."""
    rng = np.random.default_rng(0)
    counted = rng.random(N) > 0.3
    values = rng.standard_normal((N, 2))
    slow = KINDS[kind](0.9, 10.0)
    errors, logs = slow_error.whiten(slow, values, ALL._replace(counted=counted))
    times = np.flatnonzero(counted)
    whole = covariance(kind, 0.9, 10.0, np.abs(times[:, None] - times))
    for column in range(2):
        expected = multivariate_normal(cov=whole).logpdf(values[counted, column])
        squares = np.sum(np.asarray(errors)[:, column] ** 2)
        found = -0.5 * (squares + logs.sum() + len(times) * np.log(2 * np.pi))
        np.testing.assert_allclose(found, expected)


def test_a_recording_begins_anew_and_a_repeated_row_takes_no_time():
    values = np.random.default_rng(1).standard_normal((40, 1))
    slow = slow_error._smooth(0.9, 10.0)
    begins = np.isin(np.arange(40), [0, 20])
    both = slow_error.whiten(slow, values, Rows(np.ones(40, bool), np.ones(40, bool), begins))
    once = Rows(np.ones(20, bool), np.ones(20, bool), np.arange(20) == 0)
    parts = [slow_error.whiten(slow, half, once)[0] for half in (values[:20], values[20:])]
    np.testing.assert_allclose(both[0], np.concatenate(parts))
    twice = np.repeat(values, 2, axis=0)
    first = np.tile([True, False], 40)
    found, _ = slow_error.whiten(slow, twice, Rows(first, first, np.arange(80) == 0))
    alone = Rows(np.ones(40, bool), np.ones(40, bool), np.arange(40) == 0)
    np.testing.assert_allclose(found[::2], slow_error.whiten(slow, values, alone)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_spread_is_the_sum_of_all_covariances(kind):
    lags = np.abs(np.arange(-4000, 4001))
    expected = covariance(kind, 0.7, 16.0, lags).sum()
    np.testing.assert_allclose(KINDS[kind](0.7, 16.0).spread, expected, rtol=1e-9)


def test_white_noise_stays_white():
    draws = np.random.default_rng(2).standard_normal((100, N))
    fitted = jax.vmap(lambda draw: slow_error.fit_slow(draw, ALL))(draws)
    assert np.mean(np.asarray(fitted.row) == 0) > 0.95
    white = np.asarray(fitted.row) == 0
    np.testing.assert_allclose(fitted.innovation[white], np.mean(draws**2, 1)[white])


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_error_is_found_by_size_and_memory(kind):
    """Within a step of the grid for the medians of 30 draws."""
    lags = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    draws = np.random.default_rng(3).multivariate_normal(
        np.zeros(N), covariance(kind, 0.97, 8.0, lags), 30
    )
    fitted = jax.vmap(lambda draw: slow_error.fit_slow(draw, ALL))(draws)
    slow = row(np.asarray(fitted.row))
    assert (np.asarray(fitted.row) > 0).all()
    assert 4 <= np.median(slow.memory) <= 16 and 0.9 <= np.median(slow.share) <= 0.99


def test_the_white_part_is_not_below_the_floor():
    """A slow error that is far above the floor costs something, however smooth it is."""
    smooth = 20.0 * np.sin(np.arange(N) / 20)
    free = slow_error.fit_slow(smooth, ALL)
    bound = slow_error.fit_slow(smooth, ALL, 1.0)
    assert bound.innovation > 2 * free.innovation
    share = GRID.share[int(bound.row)]
    assert bound.variance * (1 - share) >= 1.0 - 1e-9
