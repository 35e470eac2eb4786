import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from van_der_pol import SPLIT, cut, model

from nsindy.trajectories import shooting


@pytest.mark.jit_first
def test_segments_follow_the_exact_solution(clean, variant):
    times, states = clean[0][:41], clean[1][:41]
    segments, _, units = cut(states, times, length=8)
    begin = states[:-1:8] / units.states
    lacking = len(segments.steps) - len(begin)
    begin = np.concatenate([begin, np.repeat(begin[-1:], lacking, 0)])
    path = variant(lambda *given: shooting.shoot(SPLIT, *given).states)(
        model(begin, units), segments
    )
    counted = np.asarray(segments.weights) > 0
    error = np.abs(np.asarray(path) - np.asarray(segments.states))[counted]
    assert counted.sum() == states.size
    assert error.max() < 1e-6


def test_the_steps_are_those_of_diffrax():
    tableau = diffrax.Tsit5.tableau
    np.testing.assert_array_equal(shooting.NODES[1:], tableau.c[:5])
    np.testing.assert_array_equal(shooting.SOLUTION, tableau.b_sol[:6])
    for row, expected in zip(shooting.LOWER[1:], tableau.a_lower[:5], strict=True):
        np.testing.assert_array_equal(row[row != 0], expected)


def test_steps_between_samples_need_no_other_program(clean):
    times, states = clean
    errors = []
    for substeps in (1, 2):
        segments, _, units = cut(states, times, substeps=substeps)
        begin = states[:-1:16] / units.states
        begin = np.concatenate([begin, np.repeat(begin[-1:], len(segments.steps) - len(begin), 0)])
        path = shooting.shoot(SPLIT, model(begin, units), segments).states
        counted = np.asarray(segments.weights) > 0
        errors.append(np.abs(np.asarray(path) - np.asarray(segments.states))[counted].max())
    # Of fifth order: half the step, an error of at most 1/32, but for what the next order adds.
    assert errors[0] > 25 * errors[1]


def test_linearisation_is_the_derivative_of_the_chain(clean):
    times, states = clean
    segments, begin, units = cut(states, times, length=32)
    true = model(begin, units)
    noise = jnp.ones(2)

    def chained(change):
        """Solve from one initial state through all segments."""
        moved = true._replace(coefficients=true.coefficients + change[2:].reshape(2, 3))
        start, parts = true.begin[0] + change[:2], []
        for b in range(len(segments.steps)):
            one = alone(segments, b)
            path = shooting.shoot(SPLIT, moved._replace(begin=start[None]), one).states
            parts.append(path[0])
            start = path[0, -1]
        return (jnp.sqrt(segments.weights) * jnp.stack(parts)).reshape(-1)

    exact = jax.jit(jax.jacfwd(chained))(jnp.zeros(8))
    at = true._replace(begin=_chain(true, segments))
    found = jax.jit(lambda at: shooting.linearise(SPLIT, at, segments, noise))(at)
    design = jnp.concatenate([found.by_initial, found.by_coefficients], -1).reshape(-1, 8)
    np.testing.assert_allclose(design, exact, atol=1e-9)
    # One recording has one initial state.
    assert not np.asarray(found.stretch).any()
    np.testing.assert_allclose(found.gap, 0, atol=1e-12)


def alone(segments, b):
    """One of the segments."""
    each = ("steps", "states", "weights", "inputs", "starts")
    return segments._replace(**{name: getattr(segments, name)[b : b + 1] for name in each})


def _chain(true, segments):
    begin = [true.begin[0]]
    for b in range(len(segments.steps) - 1):
        at = true._replace(begin=begin[-1][None])
        begin.append(shooting.shoot(SPLIT, at, alone(segments, b)).states[0, -1])
    return jnp.stack(begin)
