import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import one_seed
from nsindy.paper.runs import RUNS, Run
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers import stlsq
from nsindy.routers.settings import RouterKnobs, Routing

SHORT = Run("short", "short", "router", routing=Routing(slots=2, steps=4))


@pytest.fixture(scope="module")
def recorded(exact):
    """`record` of 60 samples with the exact library, one jit for the module."""
    return jax.jit(
        lambda key, measurement: one_seed.record_system(
            key, DAMPED_OSCILLATOR, exact, measurement, samples=60
        )
    )


@pytest.fixture
def data(recorded, paper):
    return recorded(jax.random.key(0), paper)


def test_a_record_is_the_library_on_the_measured_states(data):
    x, v = np.asarray(data.trajectory.states).T
    reference = np.stack([x, v, np.sin(x), np.sin(v), np.cos(x), np.cos(v), x + v, x * v], axis=1)
    np.testing.assert_allclose(data.theta, reference, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(data.truth, [[0, 1, *[0] * 6], [-1, -0.1, *[0] * 6]])


def test_the_share_outside_the_domain_is_counted(recorded, data, paper):
    # Exactly zero: rounding must not make it negative.
    assert data.outside == 0
    wide = recorded(jax.random.key(0), paper._replace(initial=jnp.array([8.0, 0.0])))
    x, v = np.abs(np.asarray(wide.trajectory.states)).T
    inside = [x <= 5, v <= 5, *(each <= 2 * np.pi for each in (x, v, x, v))]
    inside += [(x <= 5) & (v <= 5)] * 2
    expected = 1 - np.mean(inside)
    assert 0.1 < expected < 0.9
    assert float(wide.outside) == pytest.approx(expected, abs=1e-6)


def test_stlsq_is_judged_by_its_own_model(exact, data):
    run = RUNS["exp0_stlsq"]
    found = jax.jit(lambda data: one_seed.outcome(jax.random.key(1), data, exact, run.knobs, run))(
        data
    )
    held, trained = data.trajectory.validation, data.trajectory.train
    parts = [(data.theta[i], data.trajectory.derivatives[i]) for i in (trained, held)]
    best = jax.jit(stlsq.tuned)(*parts, np.array(run.thresholds), ridge=run.ridge)
    # Compressed normal equations in float64, of a condition of about 1e5.
    np.testing.assert_allclose(found.coefficients, best.coefficients, atol=1e-7)
    errors = np.asarray(parts[1][0]) @ np.asarray(found.coefficients).T - np.asarray(parts[1][1])
    assert float(found.validation_argmax) == pytest.approx(np.mean(errors**2), rel=1e-6)
    # One slot for each term that stays, the largest coefficient first.
    for row, terms, coefficients in zip(
        found.coefficients, found.slots.terms, found.slots.coefficients, strict=True
    ):
        order = [m for m in np.argsort(-np.abs(row)) if row[m] != 0]
        np.testing.assert_array_equal(terms[: len(order)], order)
        np.testing.assert_array_equal(terms[len(order) :], -1)
        np.testing.assert_allclose(coefficients[: len(order)], row[np.array(order)])
    assert not bool(found.support_correct)
    assert found.loss.shape == (2, 1)


def test_a_router_is_judged_by_its_committed_model(exact, data):
    run = Run("short", "short", "router", routing=Routing(slots=2, steps=30, shared=True))
    knobs = RouterKnobs(learning_rate=0.05, alpha=1.0, conditional_entropy=0.05)
    found = jax.jit(lambda data: one_seed.outcome(jax.random.key(1), data, exact, knobs, run))(data)
    model = np.zeros((2, 8))
    for d in range(2):
        for term, coefficient in zip(
            found.slots.terms[d].tolist(), found.slots.coefficients[d].tolist(), strict=True
        ):
            model[d, term] += coefficient
    np.testing.assert_allclose(found.coefficients, model, rtol=1e-12)
    held = data.trajectory.validation
    errors = np.asarray(data.theta)[held] @ model.T - np.asarray(data.trajectory.derivatives)[held]
    assert float(found.validation_argmax) == pytest.approx(np.mean(errors**2), rel=1e-9)
    assert float(found.validation_sampled) >= 0
    assert found.probabilities.shape == (2, 2, 8)
    np.testing.assert_allclose(np.sum(found.probabilities, axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(found.slots.terms, np.argmax(found.probabilities, axis=2))
    np.testing.assert_array_equal(found.slots.activations, np.max(found.probabilities, axis=2))
    assert found.loss.shape == (2, 30)


def test_a_sweep_over_recordings_and_knobs_compiles_once(exact, paper):
    @functools.partial(jax.jit, static_argnames="run")
    @chex.assert_max_traces(n=1)
    def one(key, cell, run):
        data = one_seed.record_system(key, DAMPED_OSCILLATOR, exact, cell.measurement, samples=12)
        return one_seed.outcome(key, data, exact, cell.knobs, run).loss

    knobs = jax.tree.map(jnp.float64, SHORT.knobs)._replace(
        base_entropy=jnp.float64(0.05),
        conditional_entropy=jnp.float64(0.05),
        alpha=jnp.float64(1.0),
    )
    key = jax.random.key(0)
    losses = [one(key, one_seed.Cell(paper, knobs), SHORT)]
    for changed in (
        {"learning_rate": 0.1},
        {"temperature_start": 2.0},
        {"temperature_end": 0.5},
        {"anneal_fraction": 0.3},
        {"alpha": 0.2},
        {"base_entropy": 0.5},
        {"conditional_entropy": 0.5},
        {"initial_coefficient": 1.0},
        {"initial_spread": 0.5},
    ):
        turned = knobs._replace(**{name: jnp.float64(value) for name, value in changed.items()})
        losses.append(one(key, one_seed.Cell(paper, turned), SHORT))
    measurements: list[Measurement] = [
        paper._replace(noise=jnp.float64(0.1)),
        paper._replace(args=jnp.array([1.0, 0.3])),
        paper._replace(args=jnp.array([4.0, 0.1])),
        paper._replace(initial=jnp.array([2.0, 0.5])),
        paper._replace(step=jnp.float64(0.1)),
    ]
    losses += [one(key, one_seed.Cell(each, knobs), SHORT) for each in measurements]
    # Every one of them was heard: no two sweeps' losses are the same.
    assert len({np.asarray(loss).tobytes() for loss in losses}) == len(losses)
    # And the guard does see a second trace, where a static setting changes.
    with pytest.raises(AssertionError, match="traced"):
        one(
            key,
            one_seed.Cell(paper, knobs),
            Run("other", "other", "router", routing=Routing(steps=3)),
        )


def test_every_run_is_hashable_and_stands_under_its_name():
    for name, run in RUNS.items():
        assert run.name == name
        assert isinstance(hash(run), int)
