"""The numbers inside terms."""

from nsindy.terms import primitive
from nsindy.terms.numbered import WAVE, inner_of
from nsindy.terms.numbered_operations import with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.operations import PRIMITIVES
from nsindy.terms.term import Term


def test_the_number_of_a_term():
    mul, sin = PRIMITIVES["mul"], PRIMITIVES["sin"]
    one = Term(with_number(NUMBERED["hill2"], 3.0), (1,))
    assert inner_of(one)[:3] == inner_of(Term(mul, (0, one)))[:3] == ("hill2", 1, 3.0)
    wave = Term(sin, (Term(primitive.times(2.0), (0,)),))
    assert inner_of(wave)[:3] == (WAVE, 0, 2.0)
    given = Term(sin, (Term(primitive.times(2.0), (Term(PRIMITIVES["identity"], (0,)),)),))
    for other in (given, Term(sin, (0,)), Term(mul, (0, 1)), Term(PRIMITIVES["one"], ())):
        assert inner_of(other) is None
