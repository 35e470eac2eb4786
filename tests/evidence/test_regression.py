import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import beam, regression
from nsindy.terms import library, term

SAMPLES = 200

search = jax.jit(beam.search, static_argnames=("slots", "depth", "width"))


@pytest.fixture(scope="module")
def paper():
    return library.bind(term.paper_terms(), ("x", "v"))


@pytest.fixture(scope="module")
def oscillator(paper):
    """Θ of a decaying orbit, and v' = -x - 0.1 v with white noise."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 20, SAMPLES)
    states = np.stack([np.exp(-0.05 * t) * np.cos(t), -np.exp(-0.05 * t) * np.sin(t)], 1)
    theta = np.asarray(library.evaluate(paper, jnp.asarray(states)).theta)
    target = theta @ np.array([-1, -0.1, 0, 0, 0, 0, 0, 0.0]) + 0.01 * rng.normal(size=SAMPLES)
    return theta, target


def enumerate_in_numpy(theta, target, slots, costs, counting):
    """(log evidence, support) of every independent support, by lstsq on the samples themselves."""
    n, m = theta.shape
    found = []
    for size in range(slots + 1):
        for support in itertools.combinations(range(m), size):
            columns = theta[:, support]
            if size and np.linalg.matrix_rank(columns, 1e-8) < size:
                continue
            values = np.linalg.lstsq(columns, target, rcond=None)[0] if size else np.zeros(0)
            rss = np.sum((target - columns @ values) ** 2)
            choices = np.log(len(list(itertools.combinations(range(m), size))))
            score = -n / 2 * np.log(rss / n) - size / 2 * np.log(n)
            score -= counting * choices + sum(costs[i] for i in support)
            found.append((score, support))
    return sorted(found, reverse=True)


def supports(found):
    return [tuple(np.flatnonzero(mask)) for mask in np.asarray(found.masks)[:, 0]]


def test_compressed_solution_is_lstsq(oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    mask = jnp.asarray([True, True, True, False, True, False, False, True])
    found = regression.solve(factor, mask)
    columns = theta[:, np.asarray(mask)]
    values, rss = np.linalg.lstsq(columns, target, rcond=None)[:2]
    np.testing.assert_allclose(found.coefficients[mask], values, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(found.coefficients[~mask], 0)
    np.testing.assert_allclose(found.rss, rss[0], rtol=1e-10)
    np.testing.assert_allclose(
        found.covariance[np.ix_(mask, mask)], np.linalg.inv(columns.T @ columns), rtol=1e-6
    )
    assert found.independent


def test_best_subset_with_bic_is_the_enumeration(oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    found = jax.jit(lambda f: beam.best_subset(f, SAMPLES, regression.bic(8), width=6))(factor)
    reference = dict((s, e) for e, s in enumerate_in_numpy(theta, target, 8, np.zeros(8), 0))
    best = max(reference.values())
    np.testing.assert_allclose(found.log_evidence[0], best, rtol=1e-9)
    for support, score in zip(supports(found), found.log_evidence, strict=True):
        np.testing.assert_allclose(score, reference[support], rtol=1e-9)


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_search_finds_the_best_of_the_enumeration(paper, oscillator, slots):
    theta, target = oscillator
    prior = regression.prior(paper)
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    found = search(
        factor, float(SAMPLES), prior, jnp.zeros((1, 8), bool), slots=slots, depth=slots, width=8
    )
    reference = enumerate_in_numpy(theta, target, slots, np.asarray(prior.costs), 1)
    assert supports(found)[0] == reference[0][1]
    np.testing.assert_allclose(found.log_evidence[0], reference[0][0], rtol=1e-9)
    scores = dict((s, e) for e, s in reference)
    for support, score in zip(supports(found), found.log_evidence, strict=True):
        if np.isfinite(score):
            np.testing.assert_allclose(score, scores[support], rtol=1e-8)


def test_more_slots_than_needed_stay_empty(paper, oscillator):
    """One true term: every further slot is empty, and says so with its probability."""
    theta, _ = oscillator
    prior = regression.prior(paper)

    def run(key):
        target = jnp.asarray(theta)[:, 1] + 0.01 * jax.random.normal(key, (SAMPLES,), float)
        factor = regression.compress(jnp.asarray(theta), target[:, None])
        start = jnp.zeros((1, 8), bool)
        found = search(factor, float(SAMPLES), prior, start, slots=4, depth=4, width=8)
        filled = beam.judge_slots(
            factor, float(SAMPLES), prior, found.masks[0], jnp.zeros((), int), slots=4
        )
        return found.masks[0, 0], filled

    masks, filled = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(1), 400))
    exact = np.all(np.asarray(masks) == (np.arange(8) == 1), 1)
    # A false term must win at least 3 nats of price, log 3.5 of counting and log(200)/2: a χ²₁
    # above 13.8, for at most 6 directions, in 0.12 % of draws; 6 of 400 have probability < 1e-5.
    assert np.sum(~exact) < 6
    assert np.all(np.asarray(filled.terms)[exact] == np.array([1, 8, 8, 8]))
    assert np.all(np.asarray(filled.activations)[exact, 0] > 0.95)
    assert np.median(np.asarray(filled.activations)[exact, 1]) > 0.95


def test_exact_ties_are_broken_by_the_prior_and_listed(paper, oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    mask = jnp.arange(8) < 2
    listed = beam.equivalents(factor, mask)
    assert listed == [(0, 6), (1, 6)]
    costs = np.asarray(regression.prior(paper).costs)
    dear = regression.Prior(jnp.asarray(np.where(np.arange(8) == 0, 20.0, costs)), jnp.ones(()))
    for prior, expected in ((regression.prior(paper), (0, 1)), (dear, (1, 6))):
        found = search(
            factor, float(SAMPLES), prior, jnp.zeros((1, 8), bool), slots=2, depth=2, width=8
        )
        assert supports(found)[0] == expected
        # Only one of the three stands in the list: they are one model to the data.
        assert not set(supports(found)[1:]) & {(0, 1), (0, 6), (1, 6)}


def test_prior_counts_the_supports():
    prior = regression.Prior(jnp.zeros(8), jnp.ones(()))
    masks = jnp.arange(8)[None, None, :] < jnp.arange(5)[:, None, None]
    expected = [-np.log([1, 8, 28, 56, 70][k]) for k in range(5)]
    np.testing.assert_allclose(regression.log_prior(masks, prior), expected, rtol=1e-12)


def test_two_identical_terms_are_one():
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(50, 4))
    theta[:, 3] = theta[:, 0]
    target = 2 * theta[:, 0] + 0.1 * rng.normal(size=50)
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    prior = regression.Prior(jnp.asarray([3.0, 3.0, 3.0, 3.5]), jnp.ones(()))
    found = search(factor, 50.0, prior, jnp.zeros((1, 4), bool), slots=4, depth=4, width=8)
    assert supports(found)[0] == (0,)
    assert np.all(np.isfinite(found.log_evidence[0]))
    assert beam.equivalents(factor, jnp.arange(4) == 0) == [(3,)]
    both = regression.solve(factor, jnp.asarray([True, False, False, True]))
    assert not both.independent and np.all(np.isfinite(both.coefficients))


def test_fewer_samples_than_terms():
    rng = np.random.default_rng(3)
    theta = rng.normal(size=(6, 20))
    target = 3 * theta[:, 4]
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    prior = regression.Prior(jnp.full(20, 3.0), jnp.ones(()))
    found = search(factor, 6, prior, jnp.zeros((1, 20), bool), slots=3, depth=3, width=16)
    assert supports(found)[0] == (4,)


def test_constant_data_have_the_empty_support(paper):
    theta = library.evaluate(paper, jnp.ones((50, 2))).theta
    factor = regression.compress(theta, jnp.zeros((50, 1)))
    found = search(
        factor, 50.0, regression.prior(paper), jnp.zeros((1, 8), bool), slots=2, depth=2, width=8
    )
    assert supports(found)[0] == ()
    assert np.isfinite(found.log_evidence[0])


def test_no_admissible_term_leaves_the_start(paper):
    factor = regression.compress(jnp.zeros((50, 8)), jnp.ones((50, 1)))
    start = jnp.zeros((1, 8), bool)
    found = search(factor, 50.0, regression.prior(paper), start, slots=2, depth=2, width=8)
    assert supports(found)[0] == ()
    assert np.all(np.isneginf(found.log_evidence[1:]))


def test_bad_input_is_told(paper):
    with pytest.raises(ValueError, match="share their samples"):
        regression.compress(jnp.ones((5, 2)), jnp.ones((4, 1)))
    with pytest.raises(ValueError, match="too many to enumerate"):
        beam.best_subset(jnp.ones((18, 18)), jnp.ones(()), regression.bic(17))
    with pytest.raises(ValueError, match="at least 0"):
        regression.prior(paper, price=-1.0)
    for bad in (0, 9):
        with pytest.raises(ValueError, match="slots"):
            search(
                jnp.ones((9, 9)),
                jnp.ones(()),
                regression.prior(paper),
                jnp.zeros((1, 8), bool),
                slots=bad,
                depth=1,
            )


def test_a_sweep_of_the_prior_compiles_once(paper, oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(factor, samples, prior):
        start = jnp.zeros((1, 8), bool)
        return beam.search(factor, samples, prior, start, slots=2, depth=2, width=8)

    for price in (0.0, 3.0):
        run(factor, jnp.asarray(100.0), regression.prior(paper, price=price))


def test_single_precision(paper, oscillator):
    theta, target = (jnp.asarray(a, jnp.float32) for a in oscillator)
    factor = regression.compress(theta, target[:, None])
    prior = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), regression.prior(paper))
    start = jnp.zeros((1, 8), bool)
    found = search(factor, jnp.float32(200), prior, start, slots=2, depth=2, width=4)
    assert found.log_evidence.dtype == jnp.float32
    assert supports(found)[0] == (0, 1)


@pytest.mark.parametrize("samples", [2, 6, 40])
def test_the_triangle_keeps_every_product_of_columns(samples):
    rng = np.random.default_rng(samples)
    design, targets = rng.normal(size=(samples, 4)), rng.normal(size=(samples, 2))
    factor = np.asarray(regression.compress(jnp.asarray(design), jnp.asarray(targets)))
    assert factor.shape == (6, 6)
    np.testing.assert_array_equal(factor, np.triu(factor))
    joined = np.concatenate([design, targets], axis=1)
    np.testing.assert_allclose(factor.T @ factor, joined.T @ joined, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_counts_as_rounding_is_a_share_of_the_target(dtype):
    rng = np.random.default_rng(0)
    design = rng.normal(size=(30, 4)).astype(dtype)
    target = (3 * rng.normal(size=30)).astype(dtype)
    factor = regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None])
    # The unit of rounding, for a sum of squares and for its root; 2⁻²³ and 2⁻⁵².
    unit = 2.0**-23 if dtype == np.float32 else 2.0**-52
    power = float(np.sum(target.astype(float) ** 2))
    np.testing.assert_allclose(regression.tie(factor), 1e3 * unit * power, rtol=1e-5)
    np.testing.assert_allclose(regression.floor(factor), 1e3 * unit**2 * power, rtol=1e-5)
    assert regression.floor(jnp.zeros_like(factor)) > 0


def test_of_very_many_equal_supports_a_few_are_enough():
    """Forty columns in a space of six dimensions have some four million bases."""
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 40))
    factor = np.linalg.qr(np.column_stack([columns, columns @ rng.standard_normal(40)]), mode="r")
    found = beam.equivalents(factor, np.arange(40) < 6, most=5)
    assert len(set(found)) == 5 and tuple(range(6)) not in found
    inside = [np.linalg.matrix_rank(factor[:, list(support)]) for support in found]
    assert inside == [6] * 5
