import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import savgol_filter

from nsindy.paper.savitzky_golay import WINDOWS, savitzky_golay

one_window = jax.jit(savitzky_golay, static_argnames=("windows", "order"))


@pytest.mark.parametrize("window", [7, 39])
def test_exact_on_polynomials_up_to_the_order_edges_included(window):
    times = np.arange(60) * 0.1
    coefficients = np.random.default_rng(0).normal(size=(3, 5))
    coefficients[1, 3:] = 0
    polynomials = [np.polynomial.Polynomial(row) for row in coefficients]
    states = np.stack([p(times) for p in polynomials], axis=1)
    slopes = np.stack([p.deriv()(times) for p in polynomials], axis=1)
    smooth = one_window(jnp.asarray(states), 0.1, windows=(window,))
    # Rounding alone: the states reach 1e3, and a slope divides by steps of 0.1.
    np.testing.assert_allclose(smooth.states, states, atol=1e-11 * np.abs(states).max())
    np.testing.assert_allclose(smooth.derivatives, slopes, atol=1e-9 * np.abs(slopes).max())


def test_not_exact_above_the_order():
    states = np.linspace(-1, 1, 60)[:, None] ** 6
    smooth = one_window(jnp.asarray(states), 0.1, windows=(39,))
    assert np.abs(np.asarray(smooth.states) - states).max() > 1e-3


@pytest.mark.parametrize(("window", "order"), [(27, 4), (13, 2)])
def test_one_window_against_scipy(window, order):
    states = np.random.default_rng(1).normal(size=(80, 2))
    smooth = one_window(jnp.asarray(states), 0.05, windows=(window,), order=order)
    for found, deriv in ((smooth.states, 0), (smooth.derivatives, 1)):
        reference = savgol_filter(
            states, window, order, deriv=deriv, delta=0.05, axis=0, mode="interp"
        )
        # Both in float64; the slopes are of order 1 / 0.05.
        np.testing.assert_allclose(found, reference, atol=1e-10)
    np.testing.assert_array_equal(smooth.window, [window, window])


def test_a_window_as_long_as_the_recording():
    states = np.random.default_rng(2).normal(size=(13, 1))
    smooth = one_window(jnp.asarray(states), 1.0, windows=(13,))
    reference = savgol_filter(states, 13, 4, deriv=1, axis=0, mode="interp")
    np.testing.assert_allclose(smooth.derivatives, reference, atol=1e-12)


@pytest.fixture(scope="module")
def noisy():
    """Eight draws each of slow and fast waves with noise 1e-5, 1e-3, 1e-1, and what they become."""
    times = jnp.arange(200) * 0.05
    clean = jnp.stack([jnp.cos(times), jnp.cos(4 * times)], axis=1)
    noise = jnp.array([1e-5, 1e-3, 1e-1])[:, None, None, None]
    states = clean[None, None] + noise * jax.random.normal(jax.random.key(3), (3, 8, 200, 2))
    smooth = jax.jit(jax.vmap(lambda each: savitzky_golay(each, 0.05)))(states.reshape(24, 200, 2))
    return states, jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(3, 8, *leaf.shape[1:]), smooth
    )


def test_every_recording_of_a_batch_against_scipy_and_cross_validation(noisy):
    states, smooth = jax.tree.map(np.asarray, noisy)
    usable = [window for window in WINDOWS if window <= 200]
    smoothers = [savgol_filter(np.eye(200), window, 4, axis=0, mode="interp") for window in usable]
    for noise in range(3):
        each = states[noise, 0]
        scores = [
            np.mean((each - smoother @ each) ** 2, axis=0) / (1 - np.trace(smoother) / 200) ** 2
            for smoother in smoothers
        ]
        best = np.argmin(scores, axis=0)
        np.testing.assert_array_equal(smooth.window[noise, 0], np.array(usable)[best])
        for d in range(2):
            reference = savgol_filter(
                each[:, d], usable[best[d]], 4, deriv=1, delta=0.05, mode="interp"
            )
            # Rounding of a Fourier convolution in float64, divided by the step.
            np.testing.assert_allclose(smooth.derivatives[noise, 0, :, d], reference, atol=1e-10)


def test_the_window_grows_with_the_noise_and_shrinks_with_the_frequency(noisy):
    windows = np.median(noisy[1].window, axis=1)
    assert np.all(np.diff(windows, axis=0) > 0), windows
    assert np.all(windows[:, 0] > windows[:, 1]), windows


def test_too_few_samples_are_refused_with_the_number_that_would_do():
    with pytest.raises(ValueError, match=r"6 samples are too few .* give at least 7 samples"):
        savitzky_golay(jnp.zeros((6, 2)), 0.1)
    enough = jax.eval_shape(lambda states: savitzky_golay(states, 0.1), jnp.ones((7, 2)))
    assert enough.states.shape == (7, 2)


def test_even_windows_are_refused():
    with pytest.raises(ValueError, match="must be odd"):
        savitzky_golay(jnp.zeros((30, 2)), 0.1, windows=(7, 10))


def test_windows_shorter_than_a_polynomial_are_refused():
    with pytest.raises(ValueError, match=r"no window of .* is long enough"):
        savitzky_golay(jnp.zeros((30, 2)), 0.1, windows=(7, 9), order=9)
