import jax
import jax.numpy as jnp
import numpy as np

from nsindy.evidence import residuals

COUNTED = jnp.ones(1000, bool)


def slow(key, memory, share, n=1000):
    white, drive = jax.random.normal(key, (2, n))

    def step(value, now):
        value = memory * value + jnp.sqrt(1 - memory**2) * now
        return value, value

    _, path = jax.lax.scan(step, drive[0], drive)
    return jnp.sqrt(1 - share) * white + jnp.sqrt(share) * path


def test_white_noise_stays_white():
    keys = jax.random.split(jax.random.key(0), 200)
    draws = jax.vmap(lambda key: jax.random.normal(key, (1000,)))(keys)
    variance, independent = jax.vmap(lambda r: residuals.innovation(r, COUNTED))(draws)
    assert np.mean(np.asarray(independent) == 1) > 0.95
    np.testing.assert_allclose(np.mean(variance), 1, atol=0.01)


def test_likelihood_is_that_of_the_whole_covariance():
    draw = slow(jax.random.key(1), 0.9, 0.5)[:200]
    memory, share = 0.9, 0.5
    lags = np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    covariance = (1 - share) * np.eye(200) + share * memory**lags
    squares = np.asarray(draw) @ np.linalg.solve(covariance, np.asarray(draw)) / 200
    expected = squares * np.exp(np.linalg.slogdet(covariance)[1] / 200 + 2 * np.log(200) / 200)
    variance, independent = residuals.innovation(draw, COUNTED[:200])
    assert variance <= expected * (1 + 1e-9)
    assert independent < 0.3
    # On its own grid point it is exactly the likelihood.
    place = residuals._GRID.tolist().index([share, memory])
    grid, residuals._GRID = residuals._GRID, residuals._GRID[[0, place]]
    try:
        alone, _ = residuals.innovation(draw, COUNTED[:200])
    finally:
        residuals._GRID = grid
    np.testing.assert_allclose(alone, expected, rtol=1e-9)


def test_samples_that_do_not_count_change_nothing():
    draw = slow(jax.random.key(2), 0.8, 0.3)
    some = COUNTED.at[::3].set(False)
    one = residuals.innovation(draw, some)
    other = residuals.innovation(jnp.where(some, draw, 1e6), some)
    np.testing.assert_allclose(one, other)


def test_a_slow_error_above_the_floor_is_not_free_however_smooth():
    phase = jnp.linspace(0, 20, 1000)
    small, large = (
        residuals.innovation(size * jnp.sin(phase), COUNTED, True, 1.0)[0] for size in (0.5, 20.0)
    )
    without, _ = residuals.innovation(20.0 * jnp.sin(phase), COUNTED, True)
    assert without < 1
    np.testing.assert_allclose(small, 1.0, rtol=1e-6)
    assert large > 1.2 * small
