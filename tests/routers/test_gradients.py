import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nsindy.routers import gates, gradients, training
from nsindy.routers.settings import RouterKnobs, Routing, schedules

KNOBS = RouterKnobs(
    learning_rate=0.03,
    alpha=0.5,
    error_weight=0.7,
    base_entropy=0.03,
    conditional_entropy=0.05,
    exploration=0.02,
    freeze_at=0.31,
    initial_spread=0.1,
)
COMPLEXITIES = np.array([-1.0, -1.0, 0.0, 1.0, 1.0])


def samples_of(seed, count=12):
    random = np.random.default_rng(seed)
    theta = random.normal(size=(count, 5))
    target = 1.5 * theta[:, 1] - 0.3 * theta[:, 2] + 0.01 * random.normal(size=count)
    return training.RouterSamples(jnp.asarray(theta), jnp.asarray(target), jnp.zeros((count, 2)))


def by_autodiff(key, samples, routing):
    """The same training written plainly: JAX differentiates the loss, Python loops."""
    knobs = jax.tree.map(jnp.asarray, KNOBS)
    prior = gates.complexity_prior(jnp.asarray(COMPLEXITIES), knobs.alpha)
    init_key, draw_key = jax.random.split(key)
    params = training.initialise(init_key, samples, knobs, routing)
    optimiser = optax.adam(optax.cosine_decay_schedule(knobs.learning_rate, routing.steps))
    state, certain, plan = (
        optimiser.init(params),
        jnp.zeros(5),
        schedules(knobs, routing.steps),
    )

    @jax.jit
    def slope(params, key, certain, temperature, weight):
        return jax.value_and_grad(training.router_loss, has_aux=True)(
            params, key, samples, prior + certain, temperature, weight, knobs, routing
        )

    history = []
    for index in range(routing.steps):
        at = jax.random.fold_in(draw_key, index), certain, *(leaf[index] for leaf in plan)
        (loss, mse), gradient = slope(params, *at)
        updates, state = optimiser.update(gradient, state)
        frozen = bool(jnp.any(certain > 0))
        kept = updates.coefficients.at[0].multiply(0.0 if frozen else 1.0)
        params = optax.apply_updates(params, updates._replace(coefficients=kept))
        chosen = jax.nn.softmax(params.router + prior)
        if not frozen and jnp.max(chosen) >= knobs.freeze_at:
            certain = certain.at[jnp.argmax(chosen)].set(-gates.MASKED)
        history.append((loss, mse, frozen))
    return params, prior + certain, [np.array(leaf) for leaf in zip(*history, strict=True)]


SETTINGS = (
    {},
    {"masks": "draws"},
    {"own_noise": False},
    {"own_noise": False, "masks": "draws"},
    {"explores": True},
    {"explores": True, "hard": False},
    {"residual": True},
    {"residual": True, "own_noise": False},
    {"hard": False},
    {"slots": 1},
    {"slots": 5, "samples": 4},
    {"slots": 5, "samples": 4, "masks": "draws", "own_noise": False},
)


def either(index, shared):
    """One of the two is enough of each setting; the other is left to the slow tests."""
    name = ", ".join(f"{k} {v}" for k, v in SETTINGS[index].items()) or "the paper's"
    other = index % 2 == shared
    return pytest.param(
        SETTINGS[index],
        shared,
        id=f"{name}-{'shared' if shared else 'sample'}",
        marks=pytest.mark.slow if other else (),
    )


@pytest.mark.parametrize(
    ("settings", "shared"),
    [either(index, shared) for index in range(len(SETTINGS)) for shared in (False, True)],
)
@pytest.mark.unmeasured
def test_training_is_that_of_automatic_differentiation(settings, shared):
    settings = {"slots": 3, "steps": 12, "samples": 12} | settings
    samples, key = samples_of(0, settings.pop("samples")), jax.random.key(4)
    routing = Routing(**settings, shared=shared)
    params, prior, history = by_autodiff(key, samples, routing)
    found = jax.jit(training.train_router, static_argnames="routing")(
        key, samples, COMPLEXITIES, KNOBS, routing=routing
    )
    # Slot 1 is frozen on the way, unless it explores: before that its entropy counts as well.
    assert (history[2].any() or routing.explores) and not history[2][:2].any()
    for mine, its in zip(found.history, history, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-9)
    np.testing.assert_allclose(found.params.router, params.router, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.params.coefficients, params.coefficients, rtol=1e-8)
    np.testing.assert_allclose(found.prior, prior)


@pytest.mark.parametrize("temperature", [5.0, 0.05])
@pytest.mark.parametrize("own", [False, True], ids=["one noise", "a noise a slot"])
def test_slots_are_filled_like_the_masked_softmax(temperature, own):
    for slots in (1, 2, 6):
        sets = slots if own else 1
        scores = 3 * jax.random.normal(jax.random.key(0), (sets, 6, 40))
        found = gradients.fill(scores, slots, jnp.full(40, temperature))
        every = jnp.broadcast_to(scores, (slots, 6, 40))
        expected = gates.fill_slots(every, temperature=temperature, axis=0)
        np.testing.assert_array_equal([slot.drawn for slot in found], expected.hard)
        relaxed = np.array([slot.relaxed for slot in found])
        # Quotients of the same exponentials: rounding, and 1e-300 for what has underflowed.
        np.testing.assert_allclose(relaxed, expected.soft, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("shared", [False, True], ids=["sample", "shared"])
@pytest.mark.unmeasured
def test_a_run_is_the_same_in_any_batch_and_any_block(shared, monkeypatch):
    routing = Routing(slots=2, steps=20, shared=shared)
    keys = jax.random.split(jax.random.key(1), (3, 2))
    all_samples = [samples_of(seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *all_samples)
    rates = jnp.array([0.01, 0.05])

    def one(key, samples, rate):
        knobs = KNOBS._replace(learning_rate=rate)
        return training.train_router(key, samples, COMPLEXITIES, knobs, routing)

    many = jax.vmap(jax.vmap(one, in_axes=(0, None, 0)), in_axes=(0, 0, None))
    together = jax.jit(many)(keys, stacked, rates)
    # Blocks of four of the six runs: two blocks of three.
    monkeypatch.setattr(gradients, "BLOCK", (4 * 2 * 5 * 12, 4 * 2 * 5))
    blocks = jax.jit(lambda *given: many(*given))(keys, stacked, rates)
    for seed, rate in itertools.product(range(3), range(2)):
        alone = jax.jit(one)(keys[seed, rate], all_samples[seed], rates[rate])
        for batch in (together, blocks):
            own = jax.tree.map(lambda leaf, s=seed, r=rate: leaf[s, r], batch)
            for mine, its in zip(jax.tree.leaves(own), jax.tree.leaves(alone), strict=True):
                np.testing.assert_allclose(mine, its, rtol=1e-9, atol=1e-11)


@pytest.mark.unmeasured
def test_single_precision_trains_like_double_precision():
    # The draws of float32 and float64 differ, so nothing is drawn: the noise is 0.
    routing = Routing(slots=2, steps=200, shared=True)
    double = samples_of(3)
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), double)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            gradients.gumbel,
            "words",
            lambda keys, index, shape, dtype, sets: [jnp.zeros((*shape, len(keys)), dtype)] * sets,
        )
        knobs = KNOBS._replace(initial_spread=0.0, initial_coefficient=0.2, freeze_at=2.0)
        found, expected = (
            jax.jit(
                lambda samples: training.train_router(
                    jax.random.key(0), samples, COMPLEXITIES, knobs, routing
                )
            )(samples)
            for samples in (single, double)
        )
    # 200 steps of Adam with a rate of 0.03 round to about √200 · eps of each step.
    np.testing.assert_allclose(found.params.coefficients, expected.params.coefficients, atol=1e-4)
    np.testing.assert_array_equal(found.terms, expected.terms)
