import jax
import jax.numpy as jnp
import numpy as np
from van_der_pol import SPLIT, cut, model

from nsindy.trajectories import side_by_side
from nsindy.trajectories.gauss_newton import fit_segments


def several(clean):
    """The truth and equations without one of its terms, each beginning at what was measured."""
    times, states = clean
    noisy = states + 0.02 * np.random.default_rng(0).standard_normal(states.shape)
    segments, begin, units = cut(noisy, times)
    true = model(begin, units)
    free = np.asarray(true.free)
    models = [true._replace(coefficients=true.coefficients * factor) for factor in (1.1, 0.9)]
    for d, k in np.argwhere(free):
        less = free.copy()
        less[d, k] = False
        models.append(true._replace(free=less, coefficients=np.where(less, true.coefficients, 0)))
    return models, segments, np.full(2, 0.01)


def test_many_fits_are_those_of_one_after_the_other(clean, monkeypatch):
    models, segments, noise = several(clean)
    monkeypatch.setattr(side_by_side, "CLEAR", np.inf)
    monkeypatch.setattr(side_by_side, "LANES", (4, 4))
    found = side_by_side.fit_many(SPLIT, models, segments, noise, noise)
    fit = jax.jit(fit_segments, static_argnames="terms")
    assert len(found) == len(models) > side_by_side.lanes(segments)
    for one, given in zip(found, models, strict=True):
        expected = fit(SPLIT, given, segments, noise, noise)
        assert one.ended and one.steps == expected.steps
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_what_is_given_up_is_far_behind_and_the_best_is_not(clean, monkeypatch):
    models, segments, noise = several(clean)
    # The worst in front: it must not be given up before anything better is known.
    models = models[::-1]
    found = side_by_side.fit_many(SPLIT, models, segments, noise, noise)
    with monkeypatch.context() as patched:
        patched.setattr(side_by_side, "CLEAR", np.inf)
        whole = side_by_side.fit_many(SPLIT, models, segments, noise, noise)
    misfits = np.array([np.sum(one.variance) for one in whole])
    samples = np.sum(np.asarray(segments.weights) > 0)
    behind = samples / 2 * np.log(misfits / misfits.min())
    ended = np.array([bool(one.ended) for one in found])
    assert (behind[~ended] > side_by_side.CLEAR).all()
    assert (~ended).any() and ended[behind < side_by_side.CLEAR].all()
    for one, expected in zip(found, whole, strict=True):
        if one.ended:
            np.testing.assert_allclose(one.variance, expected.variance, rtol=1e-9)


def test_a_start_that_cannot_be_solved_ends_at_once(clean):
    times, states = clean
    segments, begin, units = cut(states, times)
    start = model(begin, units)
    start = start._replace(coefficients=start.coefficients * jnp.nan)
    (found,) = side_by_side.fit_many(SPLIT, [start], segments, np.ones(2), np.ones(2))
    assert found.ended and found.steps == 0 and np.isinf(found.variance).all()
