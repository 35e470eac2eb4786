import numpy as np

from nsindy.recording.arrange import arranged, as_inputs
from nsindy.recording.check import Recording, Recordings


def test_columns_are_taken_by_their_names():
    values = np.arange(12.0).reshape(4, 3)
    part = Recording(np.arange(4.0), values[:, :2], values[:, 2:])
    recordings = Recordings((part,), ("a", "b"), ("u",), ("note",))
    found = arranged(recordings, ("b",), ("u", "a"))
    np.testing.assert_array_equal(found.parts[0].states, values[:, [1]])
    np.testing.assert_array_equal(found.parts[0].inputs, values[:, [2, 0]])
    assert found.states == ("b",) and found.inputs == ("u", "a") and found.notes == ("note",)


def test_as_inputs_leaves_out_what_was_not_measured_in_every_row():
    values = np.arange(12.0).reshape(4, 3)
    values[::3, 2] = np.nan
    part = Recording(np.arange(4.0), values, np.ones((4, 1)))
    found = as_inputs(Recordings((part,), ("x", "v", "w"), ("u",), ()), ["v", "w"])
    assert (found.states, found.inputs) == (("x",), ("u", "v"))
    np.testing.assert_array_equal(found.parts[0].inputs[:, 1], values[:, 1])
