import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nsindy.routers import entropies
from nsindy.routers import gates as routers_gates

LOGITS = np.array([1.0, 0.2, -0.5, 0.6, -1.3])


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def without_replacement(probabilities, order):
    """Probability of drawing these terms in this order, each from what the others left."""
    left, product = 1.0, 1.0
    for term in order:
        product *= probabilities[term] / left
        left -= probabilities[term]
    return product


def chi_square_p_value(counts, probabilities):
    expected = probabilities * counts.sum()
    assert expected.min() > 5, "too few draws for the chi-square law"
    statistic = np.sum((counts - expected) ** 2 / expected)
    return scipy.stats.chi2.sf(statistic, len(counts) - 1)


@pytest.fixture(scope="module")
def draws():
    """40,000 ordered draws of three of five terms."""
    logits = jnp.broadcast_to(jnp.asarray(LOGITS), (40_000, 5))
    gates = jax.jit(lambda key: routers_gates.gumbel_top_k(key, logits, 3))(jax.random.key(11))
    hard = np.asarray(gates.hard)
    assert np.all((hard == 0) | (hard == 1))
    np.testing.assert_array_equal(hard.sum(axis=-1), 1)
    return hard.argmax(axis=-1).T


def counts_of(draws, orders):
    codes = draws @ np.array([25, 5, 1])
    return np.array([np.sum(codes == np.dot(order, [25, 5, 1])) for order in orders])


def test_draws_have_the_exact_frequencies_without_replacement(draws):
    orders = list(itertools.permutations(range(5), 3))
    exact = np.array([without_replacement(softmax(LOGITS), order) for order in orders])
    assert exact.sum() == pytest.approx(1)
    counts = counts_of(draws, orders)
    assert counts.sum() == len(draws)
    # All 60 ordered outcomes at once: a right sampler fails for one key in 10⁶.
    assert chi_square_p_value(counts, exact) > 1e-6
    # The same test does see a wrong law: the slots' order reversed, or logits off by 0.1.
    backwards = np.array([without_replacement(softmax(LOGITS), order[::-1]) for order in orders])
    assert chi_square_p_value(counts, backwards) < 1e-6
    shifted = softmax(LOGITS + np.array([0.1, 0, 0, 0, 0]))
    near = np.array([without_replacement(shifted, order) for order in orders])
    assert chi_square_p_value(counts, near) < 1e-6


def test_no_term_is_drawn_twice(draws):
    assert np.all(np.diff(np.sort(draws, axis=1), axis=1) > 0)


def test_temperature_relaxes_the_draw_and_does_not_change_it(variant):
    key, logits = jax.random.key(4), jax.random.normal(jax.random.key(5), (30, 6))
    draw = variant(
        lambda temperature: routers_gates.gumbel_top_k(key, logits, 2, temperature=temperature)
    )
    warm, cold = draw(jnp.asarray(5.0)), draw(jnp.asarray(1e-3))
    np.testing.assert_array_equal(warm.hard, cold.hard)
    np.testing.assert_allclose(warm.soft.sum(axis=-1), 1, rtol=1e-12)
    assert warm.soft.max() < 0.95
    # As τ goes to 0 the relaxation becomes the draw, except where two scores are within a few τ.
    assert np.mean(np.abs(cold.soft - cold.hard).max(axis=-1) < 1e-3) > 0.9


def test_the_relaxation_is_the_masked_softmax(both):
    scores = np.array([0.3, 2.0, -1.0, 1.5])
    for function in both(lambda s: routers_gates.top_k(s, 3, temperature=0.7)):
        gates = function(jnp.asarray(scores))
        np.testing.assert_array_equal(gates.hard.argmax(axis=-1), [1, 3, 0])
        left = scores.copy()
        for j, drawn in enumerate([1, 3, 0]):
            np.testing.assert_allclose(gates.soft[j], softmax(left / 0.7), atol=1e-14)
            left[drawn] = -np.inf


def test_the_axis_of_the_terms_can_be_any():
    scores = jax.random.normal(jax.random.key(0), (4, 7))
    last, first = routers_gates.top_k(scores, 2), routers_gates.top_k(scores.T, 2, axis=0)
    np.testing.assert_array_equal(last.hard, jnp.swapaxes(first.hard, 1, 2))
    # The order of a sum may differ along another axis.
    np.testing.assert_allclose(last.soft, jnp.swapaxes(first.soft, 1, 2), rtol=1e-12)


def test_ties_go_to_the_first_term(variant):
    gates = variant(lambda s: routers_gates.top_k(s, 3))(jnp.zeros(4))
    np.testing.assert_array_equal(gates.hard.argmax(axis=-1), [0, 1, 2])
    np.testing.assert_array_equal(gates.hard.sum(axis=-1), 1)


@pytest.mark.parametrize("slots", [0, -1, 4])
def test_slots_that_cannot_be_filled_are_refused(slots):
    with pytest.raises(ValueError, match=f"{slots} slots cannot be filled from 3 terms"):
        routers_gates.top_k(jnp.zeros(3), slots)
    with pytest.raises(ValueError, match="give 1 to 3"):
        routers_gates.gumbel_top_k(jax.random.key(0), jnp.zeros(3), slots)


def test_as_many_slots_as_terms_are_a_permutation():
    gates = routers_gates.top_k(jnp.array([0.1, 3.0, -2.0]), 3)
    np.testing.assert_array_equal(gates.hard.argmax(axis=-1), [1, 0, 2])
    np.testing.assert_allclose(gates.soft[2], [0, 0, 1])


def test_straight_through_is_the_draw_with_the_gradient_of_its_relaxation(variant):
    scores = jax.random.normal(jax.random.key(1), (5, 6))
    weights = jax.random.normal(jax.random.key(2), (2, 5, 6))

    def loss(gate):
        def of(scores):
            return jnp.sum(weights * gate(routers_gates.top_k(scores, 2, temperature=0.4)))

        return of

    gates = variant(lambda s: routers_gates.straight_through(routers_gates.top_k(s, 2)))(scores)
    # Exactly one-hot: the relaxation is added and taken away to the last bit.
    np.testing.assert_array_equal(gates, routers_gates.top_k(scores, 2).hard)
    straight = variant(jax.grad(loss(routers_gates.straight_through)))(scores)
    soft = variant(jax.grad(loss(lambda gates: gates.soft)))(scores)
    np.testing.assert_allclose(straight, soft, rtol=1e-12)
    assert np.abs(soft).max() > 1e-3


@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
@pytest.mark.parametrize("temperature", [5.0, 0.05])
def test_route_equals_gates_times_values_in_value_and_gradient(hard, temperature):
    scores_key, value_key, weight_key = jax.random.split(jax.random.key(6), 3)
    scores = 2 * jax.random.normal(scores_key, (3, 6, 9))
    values = jax.random.normal(value_key, (3, 6, 9))
    weights = jax.random.normal(weight_key, (3, 9))

    def routed(scores, values):
        return routers_gates.route(
            scores, values, temperature=temperature, hard=hard, axis=0
        ).output

    def reference(scores, values):
        gates = routers_gates.fill_slots(scores, temperature=temperature, axis=0)
        return jnp.sum(
            (routers_gates.straight_through(gates) if hard else gates.soft) * values, axis=1
        )

    def value_and_gradients(function):
        def weighted(scores, values):
            output = function(scores, values)
            return jnp.sum(weights * output), output

        return jax.jit(jax.value_and_grad(weighted, argnums=(0, 1), has_aux=True))(scores, values)

    found, expected = value_and_gradients(routed), value_and_gradients(reference)
    # The same sums in another order; at τ = 0.05 gradients carry a factor 1/τ = 20.
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)
    if hard:
        drawn = jax.jit(lambda: routers_gates.fill_slots(scores, axis=0).hard)()
        np.testing.assert_allclose(found[0][1], np.sum(drawn * values, axis=1), rtol=1e-14)


def test_route_reports_its_draw_and_refuses_too_many_slots():
    scores = jnp.array([0.0, 2.0, 1.0])
    routed = routers_gates.route(jnp.stack([scores] * 2), jnp.ones((2, 3)), temperature=1.0)
    np.testing.assert_array_equal(routed.hard, [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(routed.output, [1, 1])
    with pytest.raises(ValueError, match="4 slots cannot be filled from 3 terms"):
        routers_gates.route(jnp.stack([scores] * 4), jnp.ones((4, 3)), temperature=1.0)


def entropy_in_numpy(logits):
    p = softmax(logits)
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def test_entropy_of_masked_logits_is_that_of_the_others(variant):
    masked = jnp.asarray(LOGITS).at[jnp.array([0, 3])].set(routers_gates.MASKED)
    value, gradient = variant(jax.value_and_grad(entropies.entropy))(masked)
    left = LOGITS[[1, 2, 4]]
    np.testing.assert_allclose(value, entropy_in_numpy(left), rtol=1e-14)
    p = softmax(left)
    # dH/dl = -p (log p + H), and nothing from a masked term.
    expected = np.zeros(5)
    expected[[1, 2, 4]] = -p * (np.log(p) + entropy_in_numpy(left))
    np.testing.assert_allclose(gradient, expected, atol=1e-15)


def test_entropy_has_its_known_extremes():
    np.testing.assert_allclose(entropies.entropy(jnp.zeros(8)), np.log(8), rtol=1e-15)
    certain = jnp.array([500.0, 0.0, 0.0])
    np.testing.assert_allclose(jax.value_and_grad(entropies.entropy)(certain)[1], 0, atol=1e-15)
    np.testing.assert_allclose(entropies.entropy(certain), 0, atol=1e-15)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_conditional_entropies_against_every_sample_by_itself(slots, both):
    logits = jnp.asarray(LOGITS)
    spread = jnp.broadcast_to(logits[:, None], (5, 50))
    hard = routers_gates.gumbel_top_k(jax.random.key(slots), spread, slots, axis=0).hard
    weights = np.array([1.0, -0.7, 2.3])[:slots]

    drawn = np.asarray(hard).argmax(axis=1).T
    values, gradient = np.zeros(slots), np.zeros(5)
    for sample in drawn:
        for j in range(slots):
            left = np.setdiff1d(np.arange(5), sample[:j])
            p = softmax(LOGITS[left])
            entropy = -np.sum(p * np.log(p))
            values[j] += entropy / len(drawn)
            gradient[left] += weights[j] * -p * (np.log(p) + entropy) / len(drawn)

    for function in both(lambda logits: entropies.conditional_entropies(logits, hard)):
        np.testing.assert_allclose(function(logits), values, rtol=1e-12)
    found = jax.jit(
        jax.grad(lambda at: jnp.sum(weights * entropies.conditional_entropies(at, hard)))
    )
    np.testing.assert_allclose(found(logits), gradient, atol=1e-14)


def test_conditional_entropies_of_one_shared_draw():
    hard = routers_gates.top_k(jnp.asarray(LOGITS)[:, None], 2, axis=0).hard
    expected = [entropy_in_numpy(LOGITS), entropy_in_numpy(LOGITS[1:])]
    np.testing.assert_allclose(
        entropies.conditional_entropies(jnp.asarray(LOGITS), hard), expected, rtol=1e-12
    )


def test_commitments_are_the_most_likely_terms_in_turn(variant):
    chosen, probabilities = variant(lambda logits: routers_gates.commitments(logits, 3))(
        jnp.asarray(LOGITS)
    )
    np.testing.assert_array_equal(chosen, [0, 3, 1])
    left = LOGITS.copy()
    for j, term in enumerate([0, 3, 1]):
        np.testing.assert_allclose(probabilities[j], softmax(left), atol=1e-14)
        left[term] = -np.inf


def test_the_prior_adds_alpha_times_the_preference():
    prior = routers_gates.complexity_prior(jnp.array([-1.0, 0.0, 1.0, 2.0]), 1.5)
    np.testing.assert_array_equal(prior, [1.5, 0.0, -1.5, -3.0])


def test_gates_are_hard_and_at_temperature_one_unless_asked():
    scores = jax.random.normal(jax.random.key(3), (4, 5))
    values = jax.random.normal(jax.random.key(4), (2, 4, 5))
    np.testing.assert_array_equal(
        routers_gates.top_k(scores, 2).soft, routers_gates.top_k(scores, 2, temperature=1.0).soft
    )
    key = jax.random.key(5)
    np.testing.assert_array_equal(
        routers_gates.gumbel_top_k(key, scores, 2).soft,
        routers_gates.gumbel_top_k(key, scores, 2, temperature=1.0).soft,
    )
    drawn = routers_gates.top_k(scores, 2).hard
    np.testing.assert_allclose(
        routers_gates.route(jnp.stack([scores] * 2), values, temperature=0.5).output,
        np.sum(drawn * values, axis=-1),
        rtol=1e-14,
    )


def test_slots_with_noises_of_their_own_draw_as_one_noise_does(draws):
    # 40,000 draws of three of five terms, every slot with fresh noise: the law is the same.
    noise = jax.random.gumbel(jax.random.key(12), (3, 40_000, 5))
    scores = jnp.broadcast_to(jnp.asarray(LOGITS), noise.shape) + noise
    hard = jax.jit(lambda scores: routers_gates.fill_slots(scores).hard)(scores)
    orders = list(itertools.permutations(range(5), 3))
    exact = np.array([without_replacement(softmax(LOGITS), order) for order in orders])
    fresh = np.asarray(hard).argmax(axis=-1).T
    assert chi_square_p_value(counts_of(fresh, orders), exact) > 1e-6
    assert np.any(fresh != draws)


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_term_frequencies_are_the_marginals_summed_over_the_slots(slots, variant):
    expected = np.zeros(5)
    for order in itertools.permutations(range(5), slots):
        expected[list(order)] += without_replacement(softmax(LOGITS), order)
    found = variant(lambda logits: routers_gates.term_frequencies(logits, slots))(
        jnp.asarray(LOGITS)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.sum(found) == pytest.approx(slots)


def test_terms_that_swap_places_are_nearly_certain_together():
    logits = jnp.array([9.0, 9.0, 0.0, 0.0])
    _, conditional = routers_gates.commitments(logits, 2)
    assert conditional[0].max() == pytest.approx(0.5, abs=1e-3)
    np.testing.assert_array_equal(
        np.round(np.asarray(routers_gates.term_frequencies(logits, 2)), 3), [1, 1, 0, 0]
    )


def test_the_entropy_of_the_mean_gate_is_of_the_batch_and_not_of_a_sample():
    hard = jnp.array([[[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [0.0] * 4]])
    np.testing.assert_allclose(entropies.mean_entropy(hard), [np.log(2)], atol=1e-7)
    np.testing.assert_allclose(entropies.mean_entropy(hard[..., :1]), [0], atol=1e-7)


def test_the_paper_masks_the_arg_max_of_the_logits():
    masks = routers_gates.top_k(jnp.asarray(LOGITS)[:, None], 3, axis=0).hard
    expected = [entropy_in_numpy(LOGITS), entropy_in_numpy(LOGITS[1:])]
    expected.append(entropy_in_numpy(LOGITS[[1, 2, 4]]))
    found = entropies.conditional_entropies(jnp.asarray(LOGITS), masks)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
