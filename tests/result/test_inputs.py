"""Inputs between the rows of a recording."""

import numpy as np

from nsindy.result.inputs import filled, inputs_at, with_steps


def test_held_values_stay_and_straight_lines_run():
    times = np.array([0.0, 1.0, 3.0])
    inputs = np.array([[2.0, 2.0], [4.0, 4.0], [0.0, 0.0]])
    at = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0])
    found = inputs_at(times, inputs, at, np.array([True, False]))
    np.testing.assert_allclose(found[:, 0], [2, 2, 2, 4, 4, 0, 0])
    np.testing.assert_allclose(found[:, 1], [2, 2, 3, 4, 2, 0, 0])
    assert inputs_at(times, inputs[:, :0], at, np.zeros(0, bool)).shape == (7, 0)


def test_rows_without_a_value_take_it_from_their_neighbours():
    times = np.arange(4.0)
    inputs = np.array([[1.0, 1.0], [np.nan, np.nan], [3.0, 3.0], [np.nan, np.nan]])
    found = filled(times, inputs, np.array([True, False]))
    np.testing.assert_allclose(found, [[1, 1], [1, 2], [3, 3], [3, 3]])
    whole = np.ones((4, 1))
    assert filled(times, whole, np.array([True])) is whole


def test_late_inputs_change_within_the_step():
    times = np.array([0.0, 1.0, 3.0, 4.0])
    inputs = np.array([[1.0, 0.0], [2.0, 1.0], [2.0, 2.0], [5.0, 3.0]])
    held = np.array([True, False])
    union, acting = with_steps(times, inputs, held, 0.25)
    np.testing.assert_allclose(union, [0, 1, 1.5, 3, 4])
    # What the last row says acts only beyond the recording.
    np.testing.assert_allclose(acting[:-1, 0], [1, 1, 2, 2])
    np.testing.assert_allclose(acting[:, 1], [0, 1, 1.25, 2, 3])


def test_sums_of_the_time_since_the_row_before_act_there():
    times, inputs = np.array([0.0, 1.0, 3.0, 4.0]), np.array([[9.0], [1.0], [2.0], [5.0]])
    union, acting = with_steps(times, inputs, np.array([True]), -1.0)
    np.testing.assert_array_equal(union, times)
    # What stands in the first row is of the time before it.
    np.testing.assert_array_equal(acting[:3, 0], [1.0, 2.0, 5.0])
