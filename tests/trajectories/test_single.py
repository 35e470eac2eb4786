import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oscillation import INDICES, STEPS, TIMES, TRUE, closed_form, slots

from nsindy.trajectories import single


def box():
    return single.bound_of(jnp.asarray(closed_form(TIMES)))


def solve(exact, values, initial):
    return single.sensitivities(
        exact,
        jnp.asarray(INDICES),
        slots(values),
        initial,
        jnp.asarray(TIMES),
        box(),
        steps=STEPS,
    )


def test_trajectory_and_sensitivities_are_those_of_the_closed_form(exact):
    solved = jax.jit(lambda: solve(exact, jnp.asarray(TRUE), jnp.asarray([1.0, 0.0])))()
    np.testing.assert_allclose(solved.states, closed_form(TIMES), atol=2e-6)
    step = 1e-5
    for parameter, column in ((1, 2), (2, 3)):
        shift = step * np.eye(3)[parameter]
        # k and c enter with a minus sign: v' = -k x - c v.
        upper = closed_form(TIMES, *-(TRUE + shift)[1:])
        lower = closed_form(TIMES, *-(TRUE - shift)[1:])
        expected = (upper - lower) / (2 * step)
        np.testing.assert_allclose(solved.by_coefficients[:, :, column], expected, atol=2e-5)
    by_initial = closed_form(TIMES)
    np.testing.assert_allclose(solved.by_initial[:, :, 0], by_initial, atol=2e-6)


def test_slots_and_masks_round_trip():
    mask = jnp.asarray([[False, True, False, True], [False] * 4])
    indices = single.slots_of(mask, 3)
    np.testing.assert_array_equal(indices, [[1, 3, 4], [4, 4, 4]])
    np.testing.assert_array_equal(single.mask_of(indices, 4), mask)
    values = single.dense(indices, jnp.asarray([[2.0, 3.0, 9.0], [9.0, 9.0, 9.0]]), 4)
    np.testing.assert_array_equal(values, [[0, 2, 0, 3], [0, 0, 0, 0]])


def test_steps_follow_the_fastest_rate():
    assert single.steps_for(np.linspace(0, 20, 600), rate=1.0) == 100
    assert single.steps_for(np.linspace(0, 20, 600), rate=2.0) == 200


def test_bad_records_are_told():
    with pytest.raises(ValueError, match="share N >= 2 samples"):
        single.as_record(jnp.ones(5), jnp.ones((4, 2)))
    with pytest.raises(ValueError, match="share N >= 2 samples"):
        single.as_record(jnp.ones(1), jnp.ones((1, 2)))
