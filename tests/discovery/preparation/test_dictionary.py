"""The library: what its terms cost, and how large a recording can bear it."""

import numpy as np
import pytest

from nsindy.discovery import constants
from nsindy.discovery.preparation import dictionary
from nsindy.terms import operations
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.text import readable


def test_costs_count_what_a_term_is_made_of():
    terms = dictionary.library(2, 2, operations=("sin", "log"), degree=3)
    names = [term.name(("x", "y")) for term in terms]
    costs = dict(zip(names, dictionary.costs(terms), strict=True))
    assert costs["one()"] == costs["identity(x)"] == 3
    assert costs["mul(x,y)"] == 5 and costs["mul(x,mul(x,y))"] == 7
    assert costs["sin(x)"] == 8 and costs["mul(x,sin(y))"] == 10
    assert costs["log(x)"] == 10


def test_negative_powers_cost_one_operation_and_their_products():
    terms = dictionary.negative_powers((0,), 2, 2)
    costs = dictionary.costs(terms)
    shown = dict(zip((readable(term, ("r", "v")) for term in terms), costs, strict=True))
    assert shown == {
        "1/r": 10, "1/r^2": 12, "1/r^3": 14, "1/r^4": 16, "v/r": 12, "v/r^2": 14, "v/r^3": 16,
        "v^2/r": 14, "v^2/r^2": 16, "sin(v)/r": 17, "cos(v)/r": 17,
    }  # fmt: skip


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


def test_forces_that_brake_stand_alone_and_twice_is_none_of_them():
    names = ("abs", "sign", "drag", "sqrt")
    terms = dictionary.library(2, 2, operations=names, degree=1)
    written = {term.name(("x", "v")) for term in terms}
    assert {f"{name}({v})" for name in names for v in "xv"} <= written
    assert not [w for w in written if "mul" in w and "abs" not in w]
    # v |v| is the drag; without it, the product stands.
    assert "mul(x,abs(v))" in written and "mul(v,abs(v))" not in written
    alone = dictionary.library(2, 2, operations=("abs",), degree=1)
    assert "mul(v,abs(v))" in {term.name(("x", "v")) for term in alone}


@pytest.mark.parametrize("name", ("abs", "sign", "drag"))
def test_a_sign_is_offered_where_both_are_visited(name):
    row = operations.get(name)
    own, share = row.smooth or row, constants.BOTH_SIDES
    for low, expected in ((-1.01 * share, True), (-0.99 * share, False), (0.1, False)):
        values = np.linspace(low, 1.0, 50)
        assert dictionary.allows(own, values) == expected
        assert dictionary.allows(own, -values) == expected


def test_a_root_is_offered_down_to_zero_and_its_noise():
    root = operations.get("sqrt").smooth
    assert dictionary.allows(root, np.linspace(0.0, 1.0, 50), 0.02)
    assert dictionary.allows(root, np.linspace(-0.02, 1.0, 50), 0.02)
    assert not dictionary.allows(root, np.linspace(-0.1, 1.0, 50))


@pytest.mark.parametrize("name", ("sin", "cos"))
def test_a_wave_is_no_term_where_noise_hides_its_phase(name):
    wave, values = operations.get(name), np.linspace(-60, 60, 400)
    for noise in (0.0, 0.9 * constants.WAVE_NOISE):
        assert dictionary.allows(wave, values, np.full(400, noise))
    assert not dictionary.allows(wave, values, np.full(400, 1.1 * constants.WAVE_NOISE))
    assert dictionary.allows(operations.get("tanh"), values / 20, np.full(400, 0.6))


@pytest.mark.parametrize(
    ("name", "number", "low", "allowed"),
    (
        ("ratio_share", 0.5, 0.01, True),
        # 3 % of noise let the smallest states be below 0, where there is a pole.
        ("ratio_share", 0.5, -0.04, False),
        ("ratio_share", -0.5, 0.01, False),
        ("joint_saturation", 0.5, -0.04, True),
        ("joint_inhibition", -0.5, 0.5, False),
        ("radial_power", -1.5, 0.5, True),
        # A singularity close by counts as one that is there.
        ("radial_power", -3.5, 0.01, False),
        ("radial_inhibition", 0.5, -1.0, True),
    ),
)
def test_two_variables_have_no_pole_within_their_noise(name, number, low, allowed):
    """Both fall from 1 to `low`, one linearly, one as a power."""
    x = np.linspace(1.0, low, 60)
    values = np.column_stack([x, low + (1 - low) * np.linspace(1.0, 0.0, 60) ** 2])
    noise = np.full(values.shape, 0.005)
    assert dictionary.allows_pair(NUMBERED[name], values, noise, number) == allowed
