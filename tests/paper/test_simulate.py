import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import simulate
from nsindy.paper.systems import DAMPED_OSCILLATOR, oscillator_solution

REGIMES = {"under": (1.0, 0.1), "over": (1.0, 3.0), "critical": (1.0, 2.0), "stiff": (4.0, 0.4)}


@pytest.fixture(scope="module")
def recorded():
    """`simulate` of the oscillator under one jit for the whole module."""
    return jax.jit(
        functools.partial(simulate.simulate_recording, system=DAMPED_OSCILLATOR),
        static_argnames=("samples", "estimate", "train_fraction"),
    )


def test_solver_agrees_with_the_closed_form():
    times = jnp.arange(600) * 0.05
    initial = jnp.array([1.0, -0.5])
    args = jnp.array(list(REGIMES.values()))
    found = jax.jit(
        jax.vmap(lambda a: simulate.solve_system(DAMPED_OSCILLATOR, a, initial, times))
    )(args)
    for each, regime in zip(found, args, strict=True):
        expected = oscillator_solution(times, initial, regime)
        # Between the ends of steps the solver's polynomial is coarser than its steps.
        np.testing.assert_allclose(each, expected, rtol=0, atol=3e-8)
        np.testing.assert_allclose(each[-1], expected[-1], rtol=0, atol=1e-9)


def test_noise_has_the_stated_standard_deviation(recorded, paper):
    keys = jax.random.split(jax.random.key(5), 50)
    noisy = paper._replace(noise=jnp.float64(0.02))
    recordings = [recorded(key, measurement=noisy) for key in keys]
    noise = np.stack([np.asarray(each.measured - each.clean) for each in recordings]) / 0.02
    # n = 60,000 draws: their mean has standard deviation 1/√n, their standard deviation 1/√(2n);
    # five of each, so a right generator fails once in about 10⁶ keys.
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * noise.size)
    # Independent from state to state and from sample to sample.
    x, v = noise[..., 0], noise[..., 1]
    assert abs(np.mean(x * v)) < 5 / np.sqrt(x.size)
    assert abs(np.mean(x[:, 1:] * x[:, :-1])) < 5 / np.sqrt(x.size)


def test_the_recording_of_the_paper(recorded, paper):
    trajectory = recorded(jax.random.key(0), measurement=paper)
    times = np.arange(600) * 0.05
    np.testing.assert_allclose(trajectory.times, times, atol=1e-12)
    assert trajectory.times[-1] == pytest.approx(29.95)
    clean = oscillator_solution(jnp.asarray(times), paper.initial, paper.args)
    np.testing.assert_allclose(trajectory.clean, clean, atol=1e-6)
    # Derivatives are analytic at the clean states, and Θ sees the measured ones.
    x, v = np.asarray(trajectory.clean).T
    np.testing.assert_allclose(trajectory.derivatives, np.stack([v, -x - 0.1 * v], 1), atol=1e-14)
    np.testing.assert_array_equal(trajectory.states, trajectory.measured)


def test_without_noise_the_measured_states_are_the_clean_ones(recorded, paper):
    trajectory = recorded(jax.random.key(0), measurement=paper._replace(noise=jnp.float64(0.0)))
    np.testing.assert_array_equal(trajectory.measured, trajectory.clean)


@pytest.mark.parametrize(
    ("options", "samples", "expected"),
    [({}, 600, 480), ({"samples": 31, "train_fraction": 0.5}, 31, 16)],
    ids=["paper", "half of 31"],
)
def test_the_split_is_a_shuffled_partition(recorded, paper, options, samples, expected):
    keys = jax.random.split(jax.random.key(1), 2)
    one, other = (recorded(key, measurement=paper, **options) for key in keys)
    assert one.train.shape == (expected,)
    whole = np.concatenate([one.train, one.validation])
    np.testing.assert_array_equal(np.sort(whole), np.arange(samples))
    # A shuffle of 31 or more that stays sorted, or comes twice, has a chance below 1e-30.
    assert np.any(np.diff(whole) < 0)
    assert np.any(np.asarray(one.train) != np.asarray(other.train))


def test_estimated_derivatives_come_from_the_noisy_states_alone(recorded, paper):
    noisy = paper._replace(noise=jnp.float64(0.01))
    trajectory = recorded(jax.random.key(2), measurement=noisy, estimate=True)
    x, v = np.asarray(trajectory.clean).T
    analytic = np.stack([v, -x - 0.1 * v], axis=1)
    errors = np.asarray(trajectory.derivatives) - analytic
    # Differences of neighbours would err by 0.01 √2 / 0.1 = 0.14; smoothing must do far better.
    assert 0 < np.sqrt(np.mean(errors**2)) < 0.03
    smoothed = np.sqrt(np.mean(np.asarray(trajectory.states - trajectory.clean) ** 2))
    assert 0 < smoothed < 0.5 * 0.01


def test_a_key_is_a_recording(recorded, paper):
    one, again, other = (recorded(jax.random.key(i), measurement=paper) for i in (7, 7, 8))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert np.any(np.asarray(one.measured) != np.asarray(other.measured))


def test_single_precision_stays_single(paper):
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), paper)
    made = jax.eval_shape(
        lambda key: simulate.simulate_recording(key, DAMPED_OSCILLATOR, single), jax.random.key(0)
    )
    assert {leaf.dtype for leaf in (made.clean, made.measured, made.derivatives)} == {
        jnp.dtype(jnp.float32)
    }


def test_a_sweep_over_the_measurement_compiles_once(paper):
    @jax.jit
    @chex.assert_max_traces(n=1)
    def record(key, measurement):
        return simulate.simulate_recording(key, DAMPED_OSCILLATOR, measurement, samples=20)

    key = jax.random.key(0)
    first = record(key, paper)
    for changed in (
        paper._replace(noise=jnp.float64(0.1)),
        paper._replace(args=jnp.array([1.0, 0.3])),
        paper._replace(args=jnp.array([4.0, 0.1])),
        paper._replace(initial=jnp.array([3.0, 0.0])),
        paper._replace(step=jnp.float64(0.1)),
    ):
        assert np.any(np.asarray(record(key, changed).measured) != np.asarray(first.measured))
