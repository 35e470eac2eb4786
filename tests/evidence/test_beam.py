import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from enumeration import enumerate_in_numpy, supports

from nsindy.evidence import beam, regression
from nsindy.evidence.prior import Prior, bic, by_complexity
from nsindy.terms import library

SAMPLES = 200

search = jax.jit(beam.beam_search, static_argnames=("slots", "depth", "width"))


def test_best_subset_with_bic_is_the_enumeration(oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    found = jax.jit(lambda f: beam.best_subset(f, SAMPLES, bic(8), width=6))(factor)
    reference = dict((s, e) for e, s in enumerate_in_numpy(theta, target, 8, np.zeros(8), 0))
    best = max(reference.values())
    np.testing.assert_allclose(found.log_evidence[0], best, rtol=1e-9)
    for support, score in zip(supports(found), found.log_evidence, strict=True):
        np.testing.assert_allclose(score, reference[support], rtol=1e-9)


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_search_finds_the_best_of_the_enumeration(exact, oscillator, slots):
    theta, target = oscillator
    prior = by_complexity(exact.complexities)
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


def test_fewer_samples_than_terms():
    rng = np.random.default_rng(3)
    theta = rng.normal(size=(6, 20))
    target = 3 * theta[:, 4]
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])
    prior = Prior(jnp.full(20, 3.0), jnp.ones(()))
    found = search(factor, 6, prior, jnp.zeros((1, 20), bool), slots=3, depth=3, width=16)
    assert supports(found)[0] == (4,)


def test_constant_data_have_the_empty_support(exact):
    theta = library.evaluate(exact, jnp.ones((50, 2))).theta
    factor = regression.compress(theta, jnp.zeros((50, 1)))
    found = search(
        factor,
        50.0,
        by_complexity(exact.complexities),
        jnp.zeros((1, 8), bool),
        slots=2,
        depth=2,
        width=8,
    )
    assert supports(found)[0] == ()
    assert np.isfinite(found.log_evidence[0])


def test_no_admissible_term_leaves_the_start(exact):
    factor = regression.compress(jnp.zeros((50, 8)), jnp.ones((50, 1)))
    start = jnp.zeros((1, 8), bool)
    found = search(
        factor, 50.0, by_complexity(exact.complexities), start, slots=2, depth=2, width=8
    )
    assert supports(found)[0] == ()
    assert np.all(np.isneginf(found.log_evidence[1:]))


def test_a_sweep_of_the_prior_compiles_once(exact, oscillator):
    theta, target = oscillator
    factor = regression.compress(jnp.asarray(theta), jnp.asarray(target)[:, None])

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(factor, samples, prior):
        start = jnp.zeros((1, 8), bool)
        return beam.beam_search(factor, samples, prior, start, slots=2, depth=2, width=8)

    for price in (0.0, 3.0):
        run(factor, jnp.asarray(100.0), by_complexity(exact.complexities, price=price))


def test_single_precision(exact, oscillator):
    theta, target = (jnp.asarray(a, jnp.float32) for a in oscillator)
    factor = regression.compress(theta, target[:, None])
    prior = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), by_complexity(exact.complexities))
    start = jnp.zeros((1, 8), bool)
    found = search(factor, jnp.float32(200), prior, start, slots=2, depth=2, width=4)
    assert found.log_evidence.dtype == jnp.float32
    assert supports(found)[0] == (0, 1)


def test_too_many_terms_and_impossible_slots_are_told(exact):
    with pytest.raises(ValueError, match="too many to enumerate"):
        beam.best_subset(jnp.ones((18, 18)), jnp.ones(()), bic(17))
    for bad in (0, 9):
        with pytest.raises(ValueError, match="slots"):
            search(
                jnp.ones((9, 9)),
                jnp.ones(()),
                by_complexity(exact.complexities),
                jnp.zeros((1, 8), bool),
                slots=bad,
                depth=1,
            )
