import diffrax
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
