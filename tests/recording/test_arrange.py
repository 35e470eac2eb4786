import numpy as np

from nsindy.recording.arrange import arranged
from nsindy.recording.check import Recording, Recordings


def test_columns_are_taken_by_their_names():
    values = np.arange(12.0).reshape(4, 3)
    part = Recording(np.arange(4.0), values[:, :2], values[:, 2:])
    recordings = Recordings((part,), ("a", "b"), ("u",), ("note",))
    found = arranged(recordings, ("b",), ("u", "a"))
    np.testing.assert_array_equal(found.parts[0].states, values[:, [1]])
    np.testing.assert_array_equal(found.parts[0].inputs, values[:, [2, 0]])
    assert found.states == ("b",) and found.inputs == ("u", "a") and found.notes == ("note",)
