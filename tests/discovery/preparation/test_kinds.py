"""Operations of one number, and the terms that they make."""

import numpy as np
import pytest

from nsindy.discovery.preparation import dictionary, kinds
from nsindy.discovery.preparation.kinds import KINDS, Kinds, Shape
from nsindy.terms.numbered import WAVE, Inner
from nsindy.terms.numbered_operations import Numbered
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.text import readable

POSITIVE, SIGNED = np.linspace(0.5, 4.0, 30), np.linspace(-2.0, 4.0, 30)
LIBRARY = dictionary.library(2, 2, operations=("sin", "saturation", "exp"), degree=2)


def test_kinds_stand_beside_the_operations_of_a_library():
    found = Kinds.beside(LIBRARY)
    assert found.waves == ("sin",)
    assert set(found.others) == {
        "saturation", "hill2", "hill3", "hill4", "hill_power", "haldane", "exponential",
        "arrhenius", "competition", "ratio_share", "joint_saturation", "radial_inhibition",
    }  # fmt: skip
    plain = Kinds.beside(dictionary.monomials(2, 3))
    assert plain == ((), {}, (), True)
    assert Kinds.beside(dictionary.monomials(2, 3), forced=True).waves == ("sin", "cos")
    # Where no operation was named, a library with waves has every kind.
    waves = dictionary.library(1, 1, operations=("sin", "cos"), degree=2)
    assert set(Kinds.beside(waves, any_operation=True).others) == set(KINDS)
    assert Kinds.beside(waves).others == {}
    assert Kinds.beside(dictionary.monomials(1, 3), any_operation=True).others == {}


def names(found, inner, states=2):
    return [readable(term, ("x", "y", "u")) for term in found.terms(inner, states)]


def test_terms_of_a_number():
    """Alone and times each state, but for what is another term of the library or of a number."""
    found = Kinds.beside(LIBRARY)
    assert names(found, Inner(WAVE, 1, 2.0)) == ["sin(2.000 y)"]
    assert names(found, Inner("saturation", 0, 0.5)) == [
        "x/(0.5000 + x)",
        "1/(1 + x/0.5000)",
        "x^2/(0.5000 + x)",
        "y x/(0.5000 + x)",
        "y/(1 + x/0.5000)",
    ]
    assert names(found, Inner("exponential", 1, -1.0)) == [
        "exp(-1.000 y)",
        "(exp(-1.000 y) - 1)",
        "x exp(-1.000 y)",
        "y exp(-1.000 y)",
        "x^2 exp(-1.000 y)",
    ]
    # An input is multiplied with terms of other variables, alone and with theirs.
    driven = found._replace(inputs=(2,))
    assert names(driven, Inner("exponential", 2, -1.0), 1) == [
        "exp(-1.000 u)",
        "(exp(-1.000 u) - 1)",
        "x exp(-1.000 u)",
        "x^2 exp(-1.000 u)",
    ]
    assert names(driven, Inner("saturation", 0, 0.5), 1) == [
        "x/(0.5000 + x)",
        "1/(1 + x/0.5000)",
        "x^2/(0.5000 + x)",
        "u x/(0.5000 + x)",
        "u x^2/(0.5000 + x)",
        "u/(1 + x/0.5000)",
    ]
    # Light that a growth and its limit need.
    assert names(driven, Inner("saturation", 2, 0.5), 1) == [
        "u/(0.5000 + u)",
        "1/(1 + u/0.5000)",
        "x u/(0.5000 + u)",
        "x^2 u/(0.5000 + u)",
        "x/(1 + u/0.5000)",
    ]
    every = Kinds((), KINDS)
    assert names(every, Inner("power", 0, 0.5)) == ["x^0.5", "y x^0.5"]
    assert names(every, Inner("ratio_share", 1, 0.5, before=0)) == [
        "y/(0.5000 x + y)",
        "x y/(0.5000 x + y)",
        "y^2/(0.5000 x + y)",
    ]
    flow = "sign(u - x) abs(u - x)^0.5"
    of_two = Inner("difference_power", 0, 0.5, before=2)
    assert names(every._replace(inputs=(2,)), of_two, 1) == [flow]
    assert names(every._replace(inputs=(1, 2)), of_two, 1) == [flow, f"y {flow}"]


def test_a_free_power_begins_where_it_is_steep_or_follows_another_kind():
    every = Kinds((), KINDS)
    np.testing.assert_array_equal(
        KINDS[kinds.FREE].grid(POSITIVE), KINDS["saturation"].grid(POSITIVE)
    )
    assert KINDS[kinds.FREE].seconds(POSITIVE) == kinds.STEEP_POWERS
    assert min(kinds.STEEP_POWERS) > max(kinds.POWERS_OF.values())
    found = names(every, Inner(kinds.FREE, 0, 0.5, second=2.5))
    assert found[0] == "x^2.500/(0.5000^2.500 + x^2.500)" and len(found) == 6
    for kind in kinds.POWERS_OF:
        for shape in every.shapes(kind, (0,), 2):
            assert kinds.FREED_AS[shape.operation.name] in NUMBERED


@pytest.mark.parametrize("kind", (WAVE, *(name for name in KINDS if name != kinds.FREE)))
def test_shapes_have_the_values_of_their_terms(kind):
    """Of many numbers at once, in the order of the terms of one."""
    found = Kinds(("sin", "cos"), KINDS)
    variables = np.random.default_rng(0).uniform(0.5, 3.0, (40, 3))
    numbers = np.array([0.6, 1.0, 2.2])
    before, second = 0 if kind != WAVE and KINDS[kind].variables == 2 else None, None
    if kind != WAVE and KINDS[kind].operations[0].second:
        second = 1.7
    places = Inner(kind, 1, 1.0, before=before).places
    shapes = found.shapes(kind, places, 2)
    for g, number in enumerate(numbers.tolist()):
        terms = found.terms(Inner(kind, 1, number, before=before, second=second), 2)
        assert len(terms) == len(shapes)
        for shape, term in zip(shapes, terms, strict=True):
            values = shape.values(variables, places, numbers, second)
            np.testing.assert_allclose(values[:, g], valued(term, variables), rtol=1e-12)


def valued(term, variables):
    """A term at samples, from the functions of its operations."""
    arguments = [
        valued(each, variables) if not isinstance(each, int) else variables[:, each]
        for each in term.arguments
    ]
    return np.asarray(term.primitive.function(*arguments))


GAUSS = Numbered(
    "gauss",
    "s",
    lambda x, p: p * x,
    numpy=lambda x, p: p * x,
    written=lambda x, p: {f"gauss({x}, {p})": 1},
    ranges=(0.1, 10.0),
)


def test_kinds_of_ones_own_have_the_numbers_of_their_range():
    """Evenly in their logarithm where they are positive; whatever the values are."""
    found = Kinds.beside(dictionary.monomials(2, 2), [GAUSS])
    assert list(found.others) == ["gauss"]
    tried = found.others["gauss"].grid(SIGNED)
    np.testing.assert_allclose(tried, np.geomspace(0.1, 10.0, 32))
    assert [shape for shape in found.shapes("gauss", (0,), 2)] == [
        Shape(GAUSS),
        Shape(GAUSS, (0,)),
        Shape(GAUSS, (1,)),
    ]
    assert names(found, Inner("gauss", 0, 2.0))[0] == "gauss(x, 2.000)"
    both = Numbered(
        "line", "a", GAUSS.function, numpy=GAUSS.numpy, written=GAUSS.written, ranges=(-2.0, 2.0)
    )
    tried = Kinds.beside((), [both]).others["line"].grid(SIGNED)
    np.testing.assert_allclose(tried, np.linspace(-2.0, 2.0, 33), atol=1e-12)


def test_operations_of_a_kind_share_the_number():
    for kind in KINDS.values():
        assert all(NUMBERED[one.name] is one for one in kind.operations)
        assert len({(one.symbol, one.variables) for one in kind.operations}) == 1


def test_no_operation_of_ones_own_has_the_name_of_a_kind():
    """It would take the place of one: `nsindy.operation` refuses what is in a table."""
    assert set(KINDS) <= {*NUMBERED, *PRIMITIVES}


def test_waves_of_the_time_stand_times_states_where_there_are_seasons():
    """Of two states x and y and the time: sin(w t), and x sin(w t), y sin(w t), x y sin(w t)."""
    kinds = Kinds.beside(LIBRARY, forced=True)
    assert kinds.carriers(2) == [(), (0,), (1,), (0, 1)]
    assert len(kinds.shapes("wave", (2,), 2)) == 8
    alone = kinds._replace(seasons=False)
    assert alone.carriers(2) == [()] and len(alone.shapes("wave", (2,), 2)) == 2
