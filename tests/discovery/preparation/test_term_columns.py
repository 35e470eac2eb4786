import pytest

from nsindy.discovery.preparation.term_columns import on_raw
from nsindy.terms import operations, primitive
from nsindy.terms.numbered_operations import with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.term import Term, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("one()", "one()"),
        ("identity(v)", "identity(v)"),
        ("mul(x,mul(x,v))", "mul(x,mul(x,v))"),
        ("sin(x)", "sin(X)"),
        ("mul(v,sin(x))", "mul(v,sin(X))"),
        ("log(mul(x,v))", "log(mul(X,V))"),
        ("saturation(identity(v))", "saturation(identity(V))"),
    ),
)
def test_products_see_scaled_variables_and_operations_raw_ones(text, expected):
    bound = on_raw(parse(text, ("x", "v")), 2)
    assert bound.name(("x", "v", "X", "V")) == expected


def test_fitted_waves_see_a_variable_of_their_own():
    """w is a variable behind the raw ones, so that it is no constant of a program."""
    wave = Term(operations.get("sin"), (Term(primitive.times(3.0), (1,)),))
    assert on_raw(wave, 2).name(("x", "v", "X", "V", "wx", "wv")) == "sin(mul(V,wv))"


def test_a_number_inside_a_term_is_a_variable_of_its_own():
    """Alone and times a state, which is scaled; its own variable is raw."""
    names = ("x", "v", "X", "V", "Kx", "Kv")
    alone = Term(with_number(NUMBERED["michaelis"], 3.0), (1,))
    times = Term(operations.get("mul"), (0, alone))
    assert on_raw(alone, 2).name(names) == "michaelis(V,Kv)"
    assert on_raw(times, 2).name(names) == "mul(x,michaelis(V,Kv))"
    both = Term(with_number(NUMBERED["ratio_share"], 3.0), (0, 1))
    assert on_raw(both, 2).name(names) == "ratio_share(X,V,Kv)"
