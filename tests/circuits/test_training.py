"""The trainer of circuits, and the evidence of grokking."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.circuits import polish, training
from nsindy.circuits.network import MLP
from nsindy.circuits.recipes import RECIPES, Recipe
from nsindy.circuits.training import TrainingKnobs
from nsindy.terms.operations import PAPER, PRIMITIVES

SMALL = Recipe(
    hidden=(8, 8), activation="gelu", epochs=100, learning_rate=1e-2, points=32,
    validation_points=64,
)  # fmt: skip
TRAIN = functools.partial(
    training.train_circuit, network=SMALL.network, epochs=SMALL.epochs, records=20
)


def test_training_lowers_both_losses_in_the_dtype_of_the_data():
    data = training.draw(jax.random.key(0), PRIMITIVES["sin"], SMALL)
    params, history = TRAIN(jax.random.key(1), data, training.knobs(SMALL))
    assert history.train_mse[-1] < 0.5 * history.train_mse[0]
    assert history.validation_mse[-1] < history.validation_mse[0]
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert history.epoch[0] == 0 and history.epoch[-1] == SMALL.epochs
    error = SMALL.network.apply(params, data.inputs) - data.targets
    np.testing.assert_allclose(np.mean(error**2), history.train_mse[-1], rtol=1e-5)


def test_vmapped_seeds_equal_single_runs():
    seeds = jax.random.split(jax.random.key(2), 3)
    draw = functools.partial(
        training.draw, primitive=PRIMITIVES["mul"], recipe=SMALL, dtype=jnp.float64
    )
    data = jax.vmap(draw)(seeds)
    together, _ = jax.jit(jax.vmap(TRAIN, (0, 0, None)))(seeds, data, training.knobs(SMALL))
    alone, _ = TRAIN(seeds[1], jax.tree.map(lambda leaf: leaf[1], data), training.knobs(SMALL))
    chex.assert_trees_all_close(jax.tree.map(lambda leaf: leaf[1], together), alone, rtol=1e-6)


def test_knobs_do_not_recompile():
    data = training.draw(jax.random.key(0), PRIMITIVES["sin"], SMALL)

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(knobs):
        return TRAIN(jax.random.key(1), data, knobs)[1].train_mse[-1]

    losses = [run(TrainingKnobs(rate, decay, scale, 100.0)) for rate, decay, scale in
              ((1e-2, 0.0, 1.0), (3e-3, 0.0, 1.0), (1e-2, 3.0, 1.0), (1e-2, 0.0, 2.0))]  # fmt: skip
    assert len({float(loss) for loss in losses}) == 4


def test_a_run_stands_still_after_its_own_epochs():
    """A longer scan of a shorter run is the shorter run."""
    data = training.draw(jax.random.key(0), PRIMITIVES["sin"], SMALL, jnp.float64)
    knobs = TrainingKnobs(1e-2, 1.0, 1.0, 50.0)
    train = functools.partial(training.train_circuit, network=SMALL.network, records=5)
    short, _ = train(jax.random.key(1), data, knobs, epochs=50)
    long, _ = train(jax.random.key(1), data, knobs, epochs=70)
    chex.assert_trees_all_close(short, long, rtol=1e-9)


def test_weight_decay_and_initial_scale_act_on_the_weights():
    data = training.draw(jax.random.key(0), PRIMITIVES["sin"], SMALL)
    _, plain = TRAIN(jax.random.key(1), data, TrainingKnobs(1e-2, 0.0, 1.0, 100.0))
    _, decayed = TRAIN(jax.random.key(1), data, TrainingKnobs(1e-2, 1.0, 1.0, 100.0))
    _, large = TRAIN(jax.random.key(1), data, TrainingKnobs(1e-2, 0.0, 3.0, 100.0))
    assert decayed.weight_norm[-1] < plain.weight_norm[-1]
    np.testing.assert_allclose(large.weight_norm[0], 3 * plain.weight_norm[0], rtol=1e-5)


def test_points_lie_where_the_recipe_says():
    recipe = Recipe(points=200, half_width=4.0, inner=0.25)
    data = training.draw(jax.random.key(3), PRIMITIVES["mul"], recipe, jnp.float64)
    chex.assert_shape(data.inputs, (200, 2))
    assert np.abs(data.inputs[:50]).max() <= 1.0
    assert 3.5 < np.abs(data.inputs[50:]).max() <= 4.0
    np.testing.assert_array_equal(data.targets, data.inputs[:, 0] * data.inputs[:, 1])
    assert not np.isin(data.validation_inputs, data.inputs).any()


def test_recorded_epochs_run_from_nothing_to_the_end():
    epochs = training.recorded_epochs(20_000, 200)
    assert epochs[0] == 0 and epochs[1] == 1 and epochs[-1] == 20_000
    assert (np.diff(epochs) > 0).all()
    np.testing.assert_array_equal(training.recorded_epochs(1, 10), [0, 1])


def test_crossing_and_delay_of_hand_made_curves():
    epoch = np.array([0, 1, 10, 100])
    mse = np.array([[1.0, 0.5, 0.05, 0.0], [1.0, 1.0, 1.0, 0.01], [1.0, 0.9, 0.8, 0.7], [0.0] * 4])
    crossed = training.crossing(epoch, mse, 0.1)
    np.testing.assert_array_equal(crossed, [10, 100, np.inf, 0])
    inf = np.inf
    ratio = training.delay_ratio(np.array([10, 10, inf, 0]), np.array([100, inf, inf, 50]))
    np.testing.assert_array_equal(ratio, [10, inf, np.nan, 50])


def test_effective_rank_of_known_features():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(100, 1)) * rng.normal(size=(1, 8)) + 5.0
    np.testing.assert_allclose(training.effective_rank(jnp.asarray(line)), 1.0, rtol=1e-9)
    centred = rng.normal(size=(100, 8))
    orthogonal, _ = np.linalg.qr(centred - centred.mean(0))
    np.testing.assert_allclose(training.effective_rank(jnp.asarray(orthogonal)), 8.0, rtol=1e-9)
    scaled = orthogonal * np.array([3, 2, 1, 1, 0.5, 0, 0, 0])
    spectrum = np.linalg.svd(scaled - scaled.mean(0), compute_uv=False) ** 2
    expected = spectrum.sum() ** 2 / (spectrum**2).sum()
    np.testing.assert_allclose(training.effective_rank(jnp.asarray(scaled)), expected, rtol=1e-9)


def test_active_units_counts_what_reaches_the_output():
    features = jnp.array([[0.0, 1.0, 5.0, 0.0], [1.0, 2.0, 5.0, 1.0]])
    assert training.active_units(features, jnp.array([1.0, -1.0, 9.0, 1e-3])) == 2


def test_polish_reaches_what_adam_does_not():
    recipe = Recipe(hidden=(8,), activation="tanh", points=100)
    data = training.draw(jax.random.key(0), PRIMITIVES["sin"], recipe, jnp.float64)
    network = MLP((8,), "tanh")
    params, history = training.train_circuit(
        jax.random.key(1), data, TrainingKnobs(1e-2, 0.0, 1.0, 100.0), network=network, epochs=100
    )
    polished, mse = polish.levenberg_marquardt(
        params, data.inputs, data.targets, network=network, steps=150
    )
    np.testing.assert_allclose(mse[0], history.train_mse[-1], rtol=1e-9)
    assert (np.diff(mse) <= 0).all()
    final = np.mean((network.apply(polished, data.inputs) - data.targets) ** 2)
    assert final < 0.1 * mse[0]


def test_fold_is_the_scaled_network():
    network = MLP((8, 8), "tanh")
    inputs = jax.random.normal(jax.random.key(0), (20, 2), jnp.float64)
    params = network.init(jax.random.key(1), inputs)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    folded = network.apply(polish.fold(params, 3.0, 7.0), inputs)
    np.testing.assert_allclose(folded, 7.0 * network.apply(params, inputs / 3.0), rtol=1e-5)
    shifted = network.apply(polish.fold(params, 3.0, 7.0, 0.4, -5.0), inputs)
    expected = 7.0 * network.apply(params, (inputs - 0.4) / 3.0) - 5.0
    np.testing.assert_allclose(shifted, expected, rtol=1e-5)


def test_points_lie_in_the_intervals_of_the_recipe():
    recipe = Recipe(points=100, validation_points=50, interval=(2.0, 9.0), inner=0.5)
    recipe = dataclasses.replace(recipe, inner_interval=(0.25, 0.5))
    data = training.draw(jax.random.key(0), PRIMITIVES["log"], recipe, jnp.float64)
    inner, outer = data.inputs[:50], data.inputs[50:]
    assert inner.min() >= 0.25 and inner.max() <= 0.5
    assert outer.min() >= 2.0 and outer.max() <= 9.0
    assert data.validation_inputs.min() >= 2.0
    np.testing.assert_allclose(data.targets, np.log(data.inputs[:, 0]), rtol=1e-14)


def test_polish_with_a_penalty_and_weights_solves_ridge_regression(variant):
    """Without hidden layers the network is linear, and its minimum a closed form."""
    network = MLP((), "tanh")
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(30, 2)), rng.uniform(0, 1, 30)
    targets = inputs @ [1.0, -2.0] + 0.5 + 0.1 * rng.normal(size=30)
    params = network.init(jax.random.key(0), jnp.asarray(inputs))
    params = jax.tree.map(lambda leaf: leaf.astype(float), params)

    def solve(params, *data, weights):
        return polish.levenberg_marquardt(
            params, *data, network=network, steps=20, penalty=0.3, weights=weights
        )

    data = jnp.asarray(inputs), jnp.asarray(targets)
    polished, losses = variant(solve)(params, *data, weights=jnp.asarray(weights))
    design = np.column_stack([inputs, np.ones(30)])
    share = weights / weights.sum()
    normal = design.T @ (share[:, None] * design) + 0.3 * np.diag([1.0, 1.0, 0.0])
    expected = np.linalg.solve(normal, design.T @ (share * targets))
    layer = polished["params"]["Dense_0"]
    found = np.append(np.asarray(layer["kernel"])[:, 0], layer["bias"])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    residual = design @ expected - targets
    minimum = share @ residual**2 + 0.3 * np.sum(expected[:2] ** 2)
    np.testing.assert_allclose(losses[-1], minimum, rtol=1e-9)


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_recipe_covers_its_operations_in_groups_of_one_shape(recipe):
    recipes = RECIPES[recipe]
    further = {name for name, row in PRIMITIVES.items() if row.recipe} - set(PAPER)
    assert set(recipes) == (further if recipe == "further" else set(PAPER))
    groups = training.groups(recipes)
    assert sorted(name for names in groups for name in names) == sorted(recipes)
    for names in groups:
        assert (
            len({(PRIMITIVES[n].arity, recipes[n].network, recipes[n].points) for n in names}) == 1
        )


def test_fidelity_against_numpy():
    params = SMALL.network.init(jax.random.key(0), jnp.zeros(2))
    inputs = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    found = training.fidelity(SMALL.network, params, PRIMITIVES["mul"], inputs)
    exact = inputs[:, 0] * inputs[:, 1]
    error = np.asarray(SMALL.network.apply(params, jnp.asarray(inputs, jnp.float32))) - exact
    # The same float64 sums of single-precision outputs, which compiling may round otherwise.
    assert found["relative_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)) / exact.std(), 1e-5)
    assert found["max_error"] == pytest.approx(np.abs(error).max(), 1e-5)
