import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from van_der_pol import SPLIT, cut, model

from nsindy.discovery.preparation import dictionary, segmentation, smooth_signals
from nsindy.recording.check import Recording
from nsindy.terms import products
from nsindy.trajectories import gauss_newton, shooting
from nsindy.trajectories.shooting import Model


@pytest.mark.parametrize("wrong", (1.0, 1.3))
def test_fit_closes_the_gaps_and_finds_the_coefficients(clean, wrong):
    times, states = clean
    noisy = states + 0.02 * np.random.default_rng(0).standard_normal(states.shape)
    segments, begin, units = cut(noisy, times)
    true = model(begin, units)
    start = true._replace(coefficients=true.coefficients * wrong)
    fit = jax.jit(gauss_newton.fit_segments, static_argnames="terms")
    found = fit(SPLIT, start, segments, jnp.full(2, 0.01))
    ratio = np.asarray(found.model.coefficients / true.coefficients)[np.asarray(true.free)]
    np.testing.assert_allclose(ratio, 1, atol=0.02)
    assert found.gap < 0.1
    np.testing.assert_allclose(np.sqrt(found.variance) * units.states, 0.02, rtol=0.1)


def test_a_chaotic_recording_is_fitted_in_windows():
    def lorenz(t, y, a):
        return jnp.array(
            [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]
        )

    times = np.linspace(0, 8, 400)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lorenz),
        diffrax.Dopri8(),
        0.0,
        8.0,
        0.01,
        jnp.array([1.0, 2.0, 20.0]),
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-10),
        max_steps=100_000,
    )
    states = np.asarray(solution.ys)
    noisy = states + 0.2 * np.random.default_rng(0).standard_normal(states.shape)
    terms = dictionary.monomials(3, 2)
    split = products.split(terms, 12)
    part = Recording(times, noisy, np.zeros((400, 0)))
    found, units = smooth_signals.smooth_recordings([part], 1)
    segments = segmentation.segments(
        found, units, np.ones(split.factors, bool), substeps=2, length=8
    )
    begin = segmentation.beginnings(found, 8)
    names = [t.name(("x", "y", "z")) for t in terms]
    x, y, z, xy, xz = map(
        names.index, ("identity(x)", "identity(y)", "identity(z)", "mul(x,y)", "mul(x,z)")
    )
    indices = np.array([[x, y, 0], [x, y, xz], [z, xy, 0]])
    free = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0]], bool)
    raw = np.array([[-10, 10, 0], [28, -1, -1], [-8 / 3, 1, 0]])
    scale = units.states
    powers = np.array(
        [
            [scale[0], scale[1], 1],
            [scale[0], scale[1], scale[0] * scale[2]],
            [scale[2], scale[0] * scale[1], 1],
        ]
    )
    coefficients = raw * powers * units.time / scale[:, None]
    start = Model(*map(jnp.asarray, (indices, free, 0.97 * coefficients, begin)))
    ends = shooting.shoot(split, start, segments).by_begin[:, -1]
    segments = segmentation.windows(segments, np.asarray(ends), growth=100.0)
    assert np.asarray(segments.starts).sum() > 1
    fitted = jax.jit(gauss_newton.fit_segments, static_argnames="terms")(
        split, start, segments, jnp.full(3, 0.005)
    )
    ratio = np.asarray(fitted.model.coefficients)[free] / coefficients[free]
    np.testing.assert_allclose(ratio, 1, atol=0.02)
    np.testing.assert_allclose(np.sqrt(fitted.variance) * scale, 0.2, rtol=0.1)


@pytest.mark.parametrize("noise", (0.0, 0.02))
def test_a_fit_ends_at_its_optimum(clean, noise):
    """There every step is as bad as rounding makes it, and more damping makes it no better."""
    times, states = clean
    noisy = states + noise * np.random.default_rng(0).standard_normal(states.shape)
    segments, begin, units = cut(noisy, times)
    fit = jax.jit(gauss_newton.fit_segments, static_argnames="terms")
    found = fit(SPLIT, model(begin, units), segments, jnp.full(2, 0.01))
    for _ in range(3):
        found = fit(SPLIT, found.model, segments, jnp.full(2, 0.01))
    assert found.steps <= 2


def test_gaps_close_no_faster_than_a_damped_step_goes(clean):
    """With much damping nothing moves, wherever the segments begin; with none every gap closes."""
    times, states = clean
    segments, begin, units = cut(states, times)
    begin = begin + 0.1 * np.random.default_rng(0).standard_normal(begin.shape)
    start = model(begin, units)
    step = jax.jit(gauss_newton.step, static_argnames="terms")
    state = step(SPLIT, gauss_newton.unstarted(start, segments), segments, jnp.full(2, 0.01))
    for damping, close in ((1e8, True), (0.0, False)):
        moved, _ = gauss_newton._propose(state.best, jnp.asarray(damping))
        near = np.abs(np.asarray(moved.begin - start.begin)).max() < 1e-6
        assert near == close
