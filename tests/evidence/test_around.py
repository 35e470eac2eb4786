import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.evidence import around, regression
from nsindy.evidence.prior import bic

adjacent_supports = jax.jit(around.adjacent_supports, static_argnames=("slots", "width"))


def regress(rows=60, terms=5, seed=0):
    rng = np.random.default_rng(seed)
    design = rng.standard_normal((rows, terms))
    target = design[:, [1, 3]] @ [1.0, -0.5] + 0.3 * rng.standard_normal(rows)
    return (
        regression.compress(jnp.asarray(design), jnp.asarray(target)[:, None]),
        design,
        target,
    )


def test_neighbours_are_all_that_are_one_step_away():
    factor, design, target = regress()
    prior = bic(5)
    mask = jnp.array([[True, True, False, False, False]])
    found = adjacent_supports(factor, 60.0, prior, mask, slots=3, width=32)
    expected = {}
    for support in itertools.product((False, True), repeat=5):
        change = np.asarray(support) ^ np.asarray(mask[0])
        added = (change & ~np.asarray(mask[0])).sum()
        dropped = (change & np.asarray(mask[0])).sum()
        if added <= 1 and dropped <= 1 and 0 < sum(support) <= 3:
            columns = design[:, np.array(support)]
            left = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
            score = -30 * np.log(np.sum(left**2) / 60) - 0.5 * sum(support) * np.log(60)
            expected[support] = score
    scores = np.asarray(found.log_evidence)
    masks = [tuple(m) for m in np.asarray(found.masks[:, 0]).tolist()]
    got = {m: s for m, s in zip(masks, scores, strict=True) if np.isfinite(s) and any(m)}
    assert got.keys() == expected.keys()
    for support, score in expected.items():
        assert got[support] == pytest.approx(score, abs=1e-9)


def test_columns_of_zeros_are_never_taken():
    factor, *_ = regress()
    factor = factor.at[:, 3].set(0.0)
    mask = jnp.array([[False, True, False, False, False]])
    found = adjacent_supports(factor, 60.0, bic(5), mask, slots=3, width=32)
    alive = np.isfinite(np.asarray(found.log_evidence))
    assert not np.asarray(found.masks)[alive][:, 0, 3].any()


def test_the_own_direction_of_a_column_is_what_the_others_leave_of_it():
    rng = np.random.default_rng(0)
    inner = rng.standard_normal((9, 5))
    # As nearly collinear as columns of one trajectory are.
    inner[:, 1] = inner[:, 0] + 1e-5 * inner[:, 1]
    present = np.array([True, True, True, False, False])
    inner[:, ~present] = 0.0
    found = np.asarray(around._own_directions(jnp.asarray(inner), jnp.asarray(present)))
    for j in range(3):
        others = np.delete(inner[:, :3], j, 1)
        left = inner[:, j] - others @ np.linalg.lstsq(others, inner[:, j], rcond=None)[0]
        np.testing.assert_allclose(found[:, j], left / np.linalg.norm(left), atol=1e-9)
    assert not found[:, 3:].any()
