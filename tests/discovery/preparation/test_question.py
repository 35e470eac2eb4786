"""What may be asked."""

import numpy as np
import pytest

from nsindy.discovery.preparation.question import Question


def test_known_noise_is_one_number_or_one_for_each_state():
    np.testing.assert_array_equal(Question().floor(2), [0, 0])
    np.testing.assert_array_equal(Question(noise=0.0).floor(2), [0, 0])
    np.testing.assert_array_equal(Question(noise=0.1).floor(2), [0.1, 0.1])
    np.testing.assert_array_equal(Question(noise=[0.1, 0.2]).floor(2), [0.1, 0.2])
    with pytest.raises(ValueError, match="noise has 3 numbers for 2 states; give one, or one for"):
        Question(noise=[0.1, 0.2, 0.3]).floor(2)


@pytest.mark.parametrize("noise", (-1e-9, np.inf, np.nan, [0.1, -0.2]))
def test_noise_that_makes_no_sense(noise):
    with pytest.raises(ValueError, match="noise must be finite and at least 0"):
        Question(noise=noise)


@pytest.mark.parametrize("name", ("know", "free", "sign", "equal", "law"))
def test_what_is_said_of_differential_equations_is_not_said_of_a_map(name):
    with pytest.raises(ValueError, match="are of differential equations, not of a map"):
        Question(map=True, **{name: ["x' = -x"]})


def test_nothing_is_tied_to_a_state_whose_scale_is_a_choice():
    with pytest.raises(ValueError, match="give a law in which the coefficients have one name"):
        Question(hidden="S", equal=["S I in I' = -S I in S'"])


def test_inputs_are_held_as_one_says_or_each_by_itself():
    assert Question().held(2).tolist() == [False, False]
    assert Question(hold=True).held(2).tolist() == [True, True]
    assert Question(hold=[True, False]).held(2).tolist() == [True, False]
    with pytest.raises(ValueError, match="hold has 2 values for 1 inputs; give one, or one for"):
        Question(hold=[True, False]).held(1)
