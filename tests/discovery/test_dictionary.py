"""The library: what its terms cost, and how large a recording can bear it."""

import pytest

from nsindy.discovery import constants, dictionary


def test_costs_count_what_a_term_is_made_of():
    terms = dictionary.library(2, 2, operations=("sin", "log"), degree=3)
    names = [term.name(("x", "y")) for term in terms]
    costs = dict(zip(names, dictionary.costs(terms), strict=True))
    assert costs["one()"] == costs["identity(x)"] == 3
    assert costs["mul(x,y)"] == 5 and costs["mul(x,mul(x,y))"] == 7
    assert costs["sin(x)"] == 8 and costs["mul(x,sin(y))"] == 10
    assert costs["log(x)"] == 10


@pytest.mark.parametrize("step", range(1, len(constants.LIBRARY_LADDER)))
@pytest.mark.parametrize(("variables", "states"), ((1, 1), (2, 2), (3, 2)))
def test_a_library_is_taken_from_as_many_values_as_it_needs(step, variables, states):
    """For each step of the ladder: so many values for each term are enough, one fewer is not."""
    each, degree, operations = constants.LIBRARY_LADDER[step]
    size = len(dictionary.library(variables, states, degree=degree, operations=operations))
    values = each * size
    assert dictionary.choice(values, variables, states) == (degree, operations)
    assert (
        dictionary.choice(values - 1, variables, states) == constants.LIBRARY_LADDER[step - 1][1:]
    )


def test_the_smallest_library_is_taken_with_any_number_of_values():
    assert dictionary.choice(1, 3, 3) == constants.LIBRARY_LADDER[0][1:]
