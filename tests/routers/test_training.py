import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.routers import gates as routers_gates
from nsindy.routers import settings, training
from nsindy.routers.settings import RouterKnobs, Routing
from nsindy.routers.training import RouterSamples

COMPLEXITIES = np.array([-1.0, -1.0, 0.0, 1.0])


def regression(samples=30, seed=0):
    """Four terms and a derivative of two of them, strong and weak."""
    random = np.random.default_rng(seed)
    states = random.normal(size=(samples, 2))
    theta = random.normal(size=(samples, 4))
    target = 1.5 * theta[:, 1] - 0.3 * theta[:, 2] + 0.01 * random.normal(size=samples)
    return RouterSamples(jnp.asarray(theta), jnp.asarray(target), jnp.asarray(states))


train = jax.jit(training.train_router, static_argnames="routing")


@pytest.mark.parametrize("samples", [1, 4, 200])
def test_compressed_rows_have_the_error_of_all_samples_for_every_model(samples):
    random = np.random.default_rng(samples)
    theta = random.normal(size=(samples, 5))
    # A column that depends on others, as add does: the factorisation must not mind.
    theta[:, 4] = theta[:, 0] + theta[:, 1]
    derivatives = random.normal(size=(samples, 2))
    rows = jax.jit(training.compress_samples)(theta, derivatives)
    assert rows[0].shape == (7, 5)
    assert rows[1].shape == (7, 2)
    for _ in range(5):
        model = random.normal(size=(2, 5))
        full = np.mean((theta @ model.T - derivatives) ** 2, axis=0)
        short = np.mean((np.asarray(rows[0]) @ model.T - np.asarray(rows[1])) ** 2, axis=0)
        np.testing.assert_allclose(short, full, rtol=1e-12)


def test_shared_gates_train_alike_on_rows_and_on_samples():
    samples = regression()
    theta, target = jax.jit(training.compress_samples)(samples.theta, samples.target[:, None])
    rows = RouterSamples(theta, target[:, 0], samples.states[: len(theta)])
    routing = Routing(slots=2, steps=100, shared=True)
    knobs = RouterKnobs(alpha=0.5, base_entropy=0.02, conditional_entropy=0.05, learning_rate=0.03)
    full, short = (
        train(jax.random.key(3), each, COMPLEXITIES, knobs, routing=routing)
        for each in (samples, rows)
    )
    # Equal but for rounding in float64, which 100 steps of Adam do not blow up.
    np.testing.assert_allclose(short.history.loss, full.history.loss, rtol=1e-8)
    for one, other in zip(jax.tree.leaves(short.params), jax.tree.leaves(full.params), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shared", [False, True], ids=["sample", "shared"])
def test_predictions_are_the_drawn_terms_with_their_coefficients(shared):
    samples = regression()
    params = training.RouterParams(
        jnp.array([0.3, -0.2, 0.1, 0.0]), jnp.arange(1.0, 9.0).reshape(2, 4)
    )
    routing = Routing(slots=2, shared=shared)
    routed = jax.jit(training.predict, static_argnames="routing")(
        jax.random.key(0), params, samples, jnp.zeros(4), 0.5, routing=routing
    )
    draws = np.asarray(routed.hard)
    assert draws.shape == (2, 4, 1 if shared else 30)
    drawn = np.broadcast_to(draws.argmax(axis=1), (2, 30))
    for j in range(2):
        expected = params.coefficients[j, drawn[j]] * samples.theta[np.arange(30), drawn[j]]
        np.testing.assert_allclose(routed.output[j], expected, rtol=1e-12)
    # Samples that share a draw share a term; on their own, 30 samples of 4 terms do not.
    assert (len(np.unique(drawn[0])) == 1) == shared


@pytest.mark.parametrize("shared", [False, True], ids=["sample", "shared"])
def test_the_penalty_is_the_weighted_entropies(shared):
    # Nothing learns, so the logits stay zero and the entropies are those of uniform draws.
    knobs = RouterKnobs(
        learning_rate=0.0, error_weight=1.0, base_entropy=0.3, conditional_entropy=0.07
    )
    routing = Routing(slots=3, steps=20, shared=shared)
    history = train(jax.random.key(0), regression(), COMPLEXITIES, knobs, routing=routing).history
    weight = np.asarray(settings.schedules(knobs, 20).entropy_weight)
    expected = weight * (0.3 * np.log(4) + 0.07 * (np.log(4) + np.log(3) + np.log(2)))
    np.testing.assert_allclose(history.loss - history.mse, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "routing",
    [
        Routing(slots=2, steps=600),
        Routing(slots=2, steps=600, shared=True),
        Routing(slots=1, steps=600, hard=False, state_dependent=True, hidden=(8,)),
    ],
    ids=["sample", "shared", "state dependent"],
)
def test_training_lowers_the_loss(routing):
    knobs = RouterKnobs(learning_rate=0.05, conditional_entropy=0.02)
    fitted = train(jax.random.key(1), regression(), COMPLEXITIES, knobs, routing=routing)
    assert fitted.history.mse.shape == (600,)
    # Means over 30 steps, since single draws scatter.
    assert np.mean(fitted.history.mse[-30:]) < 0.2 * np.mean(fitted.history.mse[:30])
    assert fitted.activations.shape == (routing.slots, 4)
    np.testing.assert_allclose(np.sum(fitted.activations, axis=1), 1, rtol=1e-9)
    np.testing.assert_array_equal(fitted.terms, np.argmax(fitted.activations, axis=1))
    assert 1 in fitted.terms


def test_the_coefficients_of_a_committed_router_are_those_of_least_squares():
    samples = regression(samples=200)
    routing = Routing(slots=2, steps=1500)
    knobs = RouterKnobs(learning_rate=0.05, conditional_entropy=0.1)
    fitted = train(jax.random.key(2), samples, COMPLEXITIES, knobs, routing=routing)
    assert sorted(fitted.terms.tolist()) == [1, 2]
    found = np.zeros(4)
    for j, term in enumerate(fitted.terms.tolist()):
        found[term] = fitted.params.coefficients[j, term]
    expected = np.linalg.lstsq(samples.theta[:, 1:3], samples.target, rcond=None)[0]
    # The gates stay a little random (a few misdraws a step), which biases by about a percent.
    np.testing.assert_allclose(found[1:3], expected, atol=0.03)


@pytest.mark.slow
def test_jit_and_no_jit_agree_on_a_few_steps(both):
    routing = Routing(slots=2, steps=3)
    knobs = jax.tree.map(jnp.asarray, RouterKnobs(alpha=1.0, conditional_entropy=0.05))
    samples = regression(samples=5)
    one, other = (
        function(samples, knobs)
        for function in both(
            lambda samples, knobs: training.train_router(
                jax.random.key(0), samples, COMPLEXITIES, knobs, routing
            )
        )
    )
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_one_sample_is_enough_to_run():
    for routing in (Routing(slots=2, steps=3), Routing(slots=2, steps=3, shared=True)):
        fitted = train(
            jax.random.key(0), regression(samples=1), COMPLEXITIES, RouterKnobs(), routing=routing
        )
        assert np.all(np.isfinite(fitted.history.loss))


def test_the_state_dependent_router_has_the_size_of_the_paper():
    samples = RouterSamples(jnp.ones((5, 8)), jnp.ones(5), jnp.ones((5, 2)))
    routing = Routing(slots=1, hard=False, state_dependent=True)
    params = jax.eval_shape(
        lambda key: training.initialise(key, samples, RouterKnobs(), routing), jax.random.key(0)
    )
    one = sum(leaf.size for leaf in jax.tree.leaves(params))
    # Two derivatives, each a network 2-64-64-8 and 8 coefficients.
    assert params.coefficients.size == 8
    assert 2 * one == 9760
    scalar = jax.eval_shape(
        lambda key: training.initialise(key, samples, RouterKnobs(), Routing(slots=1)),
        jax.random.key(0),
    )
    assert 2 * sum(leaf.size for leaf in jax.tree.leaves(scalar)) == 32


def test_the_prior_is_in_the_logits_from_the_start():
    routing = Routing(slots=1, steps=1)
    knobs = RouterKnobs(learning_rate=0.0, alpha=1.5)
    fitted = train(jax.random.key(0), regression(), COMPLEXITIES, knobs, routing=routing)
    weights = np.exp(1.5 * np.array([1.0, 1.0, 0.0, -1.0]))
    np.testing.assert_allclose(fitted.activations[0], weights / weights.sum(), rtol=1e-9)


def test_precision_follows_the_samples():
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), regression())
    for routing in (Routing(steps=2), Routing(steps=2, hard=False, state_dependent=True)):
        fitted = jax.eval_shape(
            lambda key, routing=routing: training.train_router(
                key, single, COMPLEXITIES, RouterKnobs(), routing
            ),
            jax.random.key(0),
        )
        floats = [
            leaf.dtype
            for leaf in jax.tree.leaves(fitted)
            if jnp.issubdtype(leaf.dtype, jnp.floating)
        ]
        assert set(floats) == {jnp.dtype(jnp.float32)}


def test_more_slots_than_terms_are_refused():
    with pytest.raises(ValueError, match="5 slots cannot be filled from 4 terms"):
        training.train_router(
            jax.random.key(0), regression(), COMPLEXITIES, RouterKnobs(), Routing(slots=5, steps=2)
        )


def test_settings_are_hashable():
    assert hash(Routing()) == hash(dataclasses.replace(Routing()))
    assert Routing() != Routing(shared=True)
    assert routers_gates.MASKED < -1e6


def test_the_start_is_level_logits_and_normal_coefficients():
    samples = RouterSamples(jnp.ones((1, 20_000)), jnp.ones(1), jnp.ones((1, 2)))
    knobs = RouterKnobs(initial_coefficient=2.0, initial_spread=0.5)
    params = training.initialise(jax.random.key(0), samples, knobs, Routing(slots=2))
    np.testing.assert_array_equal(params.router, 0)
    # A mean of 40,000 draws scatters by 0.0025, their standard deviation by 0.0018.
    assert abs(np.mean(params.coefficients) - 2.0) < 0.0125
    assert abs(np.std(params.coefficients) - 0.5) < 0.009


def test_a_slot_is_trained_on_what_the_slots_before_it_leave():
    key, samples, routing = jax.random.key(5), regression(), Routing(slots=3, residual=True)
    init_key, draw_key = jax.random.split(key)
    knobs = RouterKnobs(learning_rate=0.01, error_weight=1.0, initial_coefficient=1.0)
    start = training.initialise(init_key, samples, knobs, routing)
    fitted = train(key, samples, COMPLEXITIES, knobs, routing=dataclasses.replace(routing, steps=1))
    draws = training.predict(
        jax.random.fold_in(draw_key, 0), start, samples, jnp.zeros(4), 5.0, routing
    ).hard

    theta, left = np.asarray(samples.theta), np.asarray(samples.target)
    expected = np.array(start.coefficients)
    error = 0.0
    for j, gates in enumerate(np.asarray(draws)):
        left = left - np.sum(gates.T * theta * np.asarray(start.coefficients[j]), axis=1)
        error += np.mean(left**2)
        # Only this slot's own prediction moves its coefficients.
        gradient = -2 * np.mean(left[:, None] * gates.T * theta, axis=0)
        # The first step of Adam goes as far as the learning rate, whatever the gradient.
        expected[j] -= 0.01 * gradient / (np.abs(gradient) + 1e-8)
    np.testing.assert_allclose(fitted.history.loss, [error], rtol=1e-12)
    np.testing.assert_allclose(fitted.history.mse, [np.mean(left**2)], rtol=1e-12)
    np.testing.assert_allclose(fitted.params.coefficients, expected, rtol=1e-9)


@pytest.mark.parametrize("slots", [1, 2])
def test_a_frozen_slot_keeps_its_term_and_its_coefficient(slots):
    samples, knobs = regression(), RouterKnobs(learning_rate=0.05, freeze_at=0.0, alpha=0.1)
    once, often = (
        train(
            jax.random.key(1),
            samples,
            COMPLEXITIES,
            knobs,
            routing=Routing(slots=slots, steps=steps),
        )
        for steps in (1, 30)
    )
    # Any probability reaches 0, so the first step decides, and the schedule begins alike.
    term = int(np.argmax(once.params.router - 0.1 * COMPLEXITIES))
    np.testing.assert_array_equal(often.history.frozen, [False, *[True] * 29])
    assert often.terms[0] == once.terms[0] == term
    np.testing.assert_array_equal(often.activations[0], np.arange(4) == term)
    # Two programs, which XLA may round apart in the last bit; a step moves them by 0.05.
    np.testing.assert_allclose(
        often.params.coefficients[0], once.params.coefficients[0], rtol=1e-12
    )
    if slots == 1:
        model = once.params.coefficients[0, term] * samples.theta[:, term]
        error = np.mean((model - samples.target) ** 2)
        np.testing.assert_allclose(often.history.mse[1:], error, rtol=1e-12)
    else:
        assert np.all(often.terms[1:] != term)
        assert np.abs(often.params.coefficients[1] - once.params.coefficients[1]).max() > 0.1


def test_a_slot_is_frozen_once_its_term_is_likely_enough():
    knobs = RouterKnobs(learning_rate=0.05, freeze_at=0.6)
    fitted = train(
        jax.random.key(0), regression(), COMPLEXITIES, knobs, routing=Routing(slots=1, steps=300)
    )
    frozen = np.asarray(fitted.history.frozen)
    assert not frozen[0] and frozen[-1]
    assert np.all(np.diff(frozen.astype(int)) >= 0)
    never = train(
        jax.random.key(0),
        regression(),
        COMPLEXITIES,
        knobs._replace(freeze_at=2.0),
        routing=Routing(slots=1, steps=300),
    )
    assert not np.any(never.history.frozen)
    assert np.max(never.activations[0]) > 0.6
    first = int(np.argmax(frozen))
    np.testing.assert_array_equal(fitted.history.mse[:first], never.history.mse[:first])


def test_the_slots_of_a_state_dependent_router_are_trained_on_what_is_left_as_well():
    key, samples = jax.random.key(6), regression()
    routing = Routing(slots=2, residual=True, state_dependent=True, hidden=(8,))
    init_key, draw_key = jax.random.split(key)
    knobs = RouterKnobs(learning_rate=0.01, error_weight=1.0, initial_coefficient=1.0, alpha=0.7)
    prior = -0.7 * jnp.asarray(COMPLEXITIES)
    start = training.initialise(init_key, samples, knobs, routing)
    fitted = train(key, samples, COMPLEXITIES, knobs, routing=dataclasses.replace(routing, steps=1))
    draws = training.predict(
        jax.random.fold_in(draw_key, 0), start, samples, prior, 5.0, routing
    ).hard

    theta, left = np.asarray(samples.theta), np.asarray(samples.target)
    error = 0.0
    for gates, coefficients in zip(np.asarray(draws), np.asarray(start.coefficients), strict=True):
        left = left - np.sum(gates.T * theta * coefficients, axis=1)
        error += np.mean(left**2)
        gradient = -2 * np.mean(left[:, None] * gates.T * theta, axis=0)
        expected = coefficients - 0.01 * gradient / (np.abs(gradient) + 1e-8)
    np.testing.assert_allclose(fitted.history.loss, [error], rtol=1e-12)
    np.testing.assert_allclose(fitted.history.mse, [np.mean(left**2)], rtol=1e-12)
    # The last slot; the first is checked with the router that knows no states.
    np.testing.assert_allclose(fitted.params.coefficients[-1], expected, rtol=1e-9)


def test_logits_are_those_of_the_router_and_the_prior():
    states = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2)))
    prior, own = jnp.array([0.5, 0.0, -1.0]), jnp.array([1.0, 2.0, 3.0])
    scalar = training.logits(
        training.RouterParams(own, jnp.zeros((1, 3))), prior, states, Routing()
    )
    np.testing.assert_array_equal(scalar, [[1.5], [2.0], [2.0]])
    routing = Routing(state_dependent=True, hidden=(4,))
    made = training.network(routing, 2, 3).init(jax.random.key(0), states[:1])
    kernels = [
        (np.asarray(made["params"][name]["kernel"]), np.asarray(made["params"][name]["bias"]))
        for name in ("layers_0", "layers_2")
    ]
    # Uniform within ±1/√fan-in: 2 and 4 inputs.
    for (kernel, bias), inputs in zip(kernels, (2, 4), strict=True):
        assert 0.5 < np.abs(kernel).max() * inputs**0.5 <= 1
        assert 0 < np.abs(bias).max() * inputs**0.5 <= 1
    hidden = np.maximum(np.asarray(states) @ kernels[0][0] + kernels[0][1], 0)
    expected = hidden @ kernels[1][0] + kernels[1][1] + np.asarray(prior)
    found = training.logits(training.RouterParams(made, jnp.zeros((1, 3))), prior, states, routing)
    # Flax makes single-precision kernels.
    np.testing.assert_allclose(found, expected.T, rtol=1e-5, atol=1e-6)


def test_a_network_can_start_with_normal_weights_and_no_biases():
    samples = RouterSamples(jnp.ones((5, 8)), jnp.ones(5), jnp.ones((5, 2)))
    routing = Routing(state_dependent=True, uniform=False)
    made = training.initialise(jax.random.key(0), samples, RouterKnobs(), routing).router["params"]
    for layer in made.values():
        np.testing.assert_array_equal(layer["bias"], 0)
    kernel = np.asarray(made["layers_2"]["kernel"])
    # 4,096 weights of variance 1/64, which scatters by 2.2 %.
    assert np.var(kernel) * 64 == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("temperature", [1.5, 0.5])
def test_exploration_is_paid_for_the_entropy_of_the_batch_while_it_is_warm(temperature):
    samples, key = regression(), jax.random.key(3)
    routing = Routing(explores=True)
    params = training.initialise(key, samples, RouterKnobs(), routing)
    prior, knobs = jnp.zeros(4), RouterKnobs(exploration=0.3)
    loss, mse = training.router_loss(
        params, key, samples, prior, jnp.asarray(temperature), jnp.zeros(()), knobs, routing
    )
    drawn = training.predict(key, params, samples, prior, temperature, routing).hard[0]
    shares = np.mean(drawn, axis=1)
    entropy = -np.sum(shares * np.log(shares))
    bonus = 0.3 * entropy if temperature > 1 else 0.0
    np.testing.assert_allclose(loss, 0.5 * mse - bonus, rtol=1e-6)


def test_the_frequencies_of_a_router_sum_to_its_slots():
    for routing in (Routing(slots=2, steps=3), Routing(slots=2, steps=3, state_dependent=True)):
        fitted = train(
            jax.random.key(0), regression(), COMPLEXITIES, RouterKnobs(), routing=routing
        )
        np.testing.assert_allclose(np.sum(fitted.frequencies), 2, rtol=1e-6)
        assert np.all(fitted.frequencies < 1)
