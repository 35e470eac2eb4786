import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import ties
from nsindy.paper import metrics
from nsindy.terms import collinearity


def test_committed_adds_the_slots_up_and_leaves_empty_ones_out(variant):
    model = variant(lambda t, c: metrics.committed(t, c, 4))
    np.testing.assert_array_equal(
        model(jnp.array([2, 0, -1]), jnp.array([1.5, -2.0, 9.0])), [-2.0, 0, 1.5, 0]
    )
    np.testing.assert_array_equal(
        model(jnp.array([1, 1, -1]), jnp.array([1.5, 0.25, 9.0])), [0, 1.75, 0, 0]
    )
    np.testing.assert_array_equal(model(jnp.array([-1, -1, -1]), jnp.ones(3)), 0)


def test_support_counts_what_is_small_beside_the_largest_of_its_equation_as_zero():
    coefficients = jnp.array([[1.0, -0.02, 0.005, 0.0], [0.0, 3e-3, -1e-4, 2e-5], [0.0] * 4])
    np.testing.assert_array_equal(
        metrics.support(coefficients), [[1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(
        metrics.support(coefficients, 0.01), [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    )


@pytest.mark.parametrize(
    ("coefficients", "relative", "expected"),
    [
        ([[0.0, 0.97, 0.0], [-1.02, -0.08, 0.0]], 0.0, True),
        ([[0.0, 0.97, 1e-9], [-1.02, -0.08, 0.0]], 0.0, False),
        ([[0.0, 0.97, 1e-9], [-1.02, -0.08, 0.0]], 0.01, True),
        ([[0.0, 0.97, 0.0], [-1.02, -0.009, 0.0]], 0.01, False),
        ([[0.0, 0.97, 0.0], [-1.02, 0.0, -0.08]], 0.01, False),
        ([[0.0, 0.0, 0.0], [-1.02, -0.08, 0.0]], 0.01, False),
    ],
    ids=["exact", "tiny extra", "tiny extra, 1 % rule", "weak, 1 % rule", "wrong", "empty"],
)
def test_support_correct_compares_exactly_the_terms(coefficients, relative, expected):
    truth = jnp.array([[0.0, 1.0, 0.0], [-1.0, -0.1, 0.0]])
    assert bool(metrics.support_correct(jnp.array(coefficients), truth, relative)) is expected


@pytest.mark.parametrize(
    ("second", "exact", "expected"),
    [
        ({"x": -1, "v": -0.01}, True, True),
        ({"x": -0.99, "add": -0.01}, False, True),
        ({"v": 0.99, "add": -1}, False, True),
        ({"x": -1, "sin": -0.01}, False, False),
        ({"x": -1}, False, False),
        ({"x": -0.5, "v": 0.49, "add": -0.5}, False, False),
        ({"x": -1, "v": -0.01, "sin": 1e-3}, False, False),
        ({}, False, False),
    ],
)
def test_equivalent_allows_exact_ties_and_no_stand_in_for_a_weak_term(second, exact, expected):
    t = np.linspace(0, 20, 400)
    x, v = np.cos(t), -np.sin(t)
    theta = np.column_stack([x, v, np.sin(v), x + v])
    names = ("x", "v", "sin", "add")
    truth = np.array([[0, 1, 0, 0], [-1, -0.01, 0, 0]])
    others = []
    for row in truth:
        factor = np.linalg.qr(np.column_stack([theta, theta @ row]), mode="r")
        mask = jnp.asarray(row != 0)
        others.append(ties.equivalents(jnp.asarray(factor), mask, tolerance=collinearity.EXACT))
    # {x, v}, {x, add} and {v, add} span one plane, and nothing else spans the line of v.
    assert others == [[], [(0, 3), (1, 3)]]
    # sin(v) for the weak v leaves less than that tolerance of the whole right-hand side.
    target, inside = theta @ truth[1], theta[:, [0, 2]]
    left = target - inside @ np.linalg.lstsq(inside, target, rcond=None)[0]
    assert np.linalg.norm(left) < collinearity.EXACT * np.linalg.norm(target)

    model = np.array([truth[0], [second.get(name, 0) for name in names]])
    wrong = np.array([[0, 0, 1.0, 0], truth[1]])
    models = np.stack([model, truth, wrong])
    np.testing.assert_array_equal(
        metrics.equivalent(models, truth, others), [expected, True, False]
    )
    assert bool(metrics.support_correct(model, truth)) is exact


def test_equivalent_leaves_out_what_is_small_as_the_exact_count_does():
    truth = np.array([[1.0, 0, 0]])
    models = np.array([[[0, 2.0, 0.01]], [[0, 2.0, 0.03]], [[1.0, 0.001, 0]], [[np.nan, 0, 0]]])
    found = metrics.equivalent(models, truth, [[(1,)]], 0.01)
    np.testing.assert_array_equal(found, [True, False, True, False])
    np.testing.assert_array_equal(metrics.equivalent(models, truth, [[(1,)]]), False)
    np.testing.assert_array_equal(metrics.equivalent(models, truth, [[]], 0.01)[:2], False)


def slots_in_numpy(theta, target, terms, coefficients):
    rows = []
    left = target.copy()
    for term, coefficient in zip(terms, coefficients, strict=True):
        before = left
        if term >= 0:
            left = left - coefficient * theta[:, term]
        correlations = [
            np.corrcoef(left, column)[0, 1] if column.std() > 0 else 0.0 for column in theta.T
        ]
        centred = left - left.mean()
        rows.append(
            (
                (before.var() - left.var()) / target.var(),
                np.sqrt(np.mean(left**2)),
                np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2),
                correlations,
            )
        )
    return [np.array(part) for part in zip(*rows, strict=True)]


def test_slots_follow_the_residual(variant):
    random = np.random.default_rng(0)
    theta = random.normal(size=(60, 5)) + np.array([0.5, 0, 0, -1, 0])
    theta[:, 4] = 1.0
    target = theta @ np.array([2.0, 0, -0.3, 0, 0.8]) + 0.05 * random.normal(size=60)
    terms, coefficients = np.array([0, -1, 2, 3]), np.array([1.9, 7.0, -0.3, 0.1])
    activations = np.array([0.9, 0.8, 0.7, 0.6])
    found = variant(metrics.read_slots)(
        *map(jnp.asarray, (theta, target, terms, activations, coefficients))
    )
    expected = slots_in_numpy(theta, target, terms, coefficients)
    # The same float64 sums in another order.
    for one, other in zip(found[3:], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.terms, terms)
    np.testing.assert_array_equal(found.coefficients, coefficients)
    np.testing.assert_array_equal(found.activations, activations)
    assert found.variance_explained[1] == 0


def test_the_shares_of_a_target_with_a_mean_add_up_to_at_most_one():
    theta = jnp.asarray(np.random.default_rng(1).normal(size=(50, 2)) + 3.0)
    target = theta @ jnp.array([1.0, -0.4])
    found = jax.jit(metrics.read_slots)(
        theta, target, jnp.array([0, 1]), jnp.ones(2), jnp.array([1.0, -0.4])
    )
    # A model that leaves nothing explains all of the variance, and not more.
    assert float(jnp.sum(found.variance_explained)) == pytest.approx(1.0)


def test_a_constant_derivative_gives_numbers():
    found = jax.jit(metrics.read_slots)(
        jnp.ones((20, 2)), jnp.zeros(20), jnp.array([-1]), jnp.zeros(1), jnp.zeros(1)
    )
    for leaf in jax.tree.leaves(found):
        assert np.all(np.isfinite(leaf))
    np.testing.assert_array_equal(found.residual, 0)


@pytest.mark.parametrize(("successes", "trials"), [(0, 32), (6, 6), (17, 32), (1024, 1024)])
def test_wilson_interval_against_its_formula(successes, trials):
    z, rate = 1.959963984540054, successes / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    low, high = metrics.rate_interval(successes, trials)
    assert (low, high) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-9)
    assert 0 <= low <= rate <= high <= 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (5, 3), (-1, 3)])
def test_what_is_no_rate_is_refused(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} of {trials} is no rate"):
        metrics.rate_interval(successes, trials)


def test_recovery_states_the_count_the_rate_and_its_interval():
    found = metrics.recovery(3, 4)
    assert found["recovery_count"] == 3 and found["seeds"] == 4
    assert found["recovery_rate"] == 0.75
    assert found["recovery_ci95"] == metrics.rate_interval(3, 4)


def test_a_pair_that_swaps_places_is_the_same_model_and_each_term_counts_once():
    truth = jnp.array([[-1.0, -0.1, 0.0]])
    one = metrics.committed(jnp.array([0, 1]), jnp.array([-1.0, -0.1]), 3)
    other = metrics.committed(jnp.array([1, 0]), jnp.array([-0.1, -1.0]), 3)
    np.testing.assert_array_equal(one, other)
    assert bool(metrics.support_correct(other[None], truth))

    models = np.array([[[-1.0, -0.1, 0.0]], [[-1.0, -0.1, 0.0]], [[-0.9, 0.0, -0.2]]])
    often = np.array([[[0.99, 0.98, 0.03]], [[0.97, 0.96, 0.07]], [[1.0, 0.1, 0.9]]])
    first, second, third = metrics.terms_over_seeds(models, often, ("x", "v", "sin"))[0]
    assert (first["term"], first["seeds"]) == ("x", 3)
    assert (second["term"], second["seeds"]) == ("v", 2)
    assert (third["term"], third["seeds"]) == ("sin", 1)
    np.testing.assert_allclose(first["frequency"][1], 0.99)
    np.testing.assert_allclose(second["frequency"][1], 0.97)
    np.testing.assert_allclose(third["coefficient"], -0.2)
