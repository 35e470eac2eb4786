import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.terms import library
from nsindy.terms import term as terms_term
from nsindy.terms.operations import get
from nsindy.terms.term import Term

STATES = ("x", "v")


def test_the_eight_terms_in_the_order_of_the_paper():
    assert terms_term.paper_terms() == (
        "identity(x)",
        "identity(v)",
        "sin(x)",
        "sin(v)",
        "cos(x)",
        "cos(v)",
        "add(x,v)",
        "mul(x,v)",
    )


def test_the_terms_take_the_names_of_the_states():
    assert terms_term.paper_terms(("q", "p"))[-1] == "mul(q,p)"


@pytest.mark.parametrize(
    ("text", "expected", "depth", "complexity"),
    [
        ("sin(v)", Term(get("sin"), (1,)), 1, 0.0),
        ("mul(x,v)", Term(get("mul"), (0, 1)), 1, 1.0),
        ("mul(x,sin(v))", Term(get("mul"), (0, Term(get("sin"), (1,)))), 2, 1.0),
        (
            "add(mul(x,x),mul(identity(v),x))",
            Term(
                get("add"),
                (
                    Term(get("mul"), (0, 0)),
                    Term(get("mul"), (Term(get("identity"), (1,)), 0)),
                ),
            ),
            3,
            2.0,
        ),
        ("one()", Term(get("one"), ()), 1, -1.0),
        ("mul(x,one())", Term(get("mul"), (0, Term(get("one"), ()))), 2, 0.0),
    ],
)
def test_text_is_read_and_written_back(text, expected, depth, complexity):
    term = terms_term.parse(text, STATES)
    assert term == expected
    assert term.name(STATES) == text
    assert (term.depth, term.complexity) == (depth, complexity)


def test_spaces_do_not_matter():
    assert terms_term.parse("  mul( x , sin( v ) ) ", STATES) == terms_term.parse(
        "mul(x,sin(v))", STATES
    )
    assert terms_term.parse(" one( ) ", STATES) == terms_term.parse("one()", STATES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x", "cannot read the term 'x'"),
        ("", "cannot read the term ''"),
        ("sin(x", "cannot read the term"),
        ("sin(x) + 1", "cannot read the term"),
        ("tan(x)", "unknown operation 'tan'"),
        ("(x)", "unknown operation ''"),
        ("sin(y)", "unknown state 'y'"),
        ("mul(x,sin(y))", "unknown state 'y'"),
        ("sin()", "unknown state ''"),
        ("sin(x,v)", r"sin takes 1 argument\(s\), not 2"),
        ("add(x)", r"add takes 2 argument\(s\), not 1"),
        ("sin(x))", "takes 1 argument"),
        ("sin((x)", "takes 1 argument"),
        ("one(x)", r"one takes 0 argument\(s\), not 1"),
    ],
)
def test_text_that_is_no_term_is_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        terms_term.parse(text, STATES)


def test_a_term_with_a_wrong_number_of_arguments_cannot_be_made():
    with pytest.raises(ValueError, match="takes 2 argument"):
        Term(get("add"), (0,))


def test_waves_hold_every_subterm_once_and_after_its_arguments():
    given = [
        terms_term.parse(text, STATES) for text in ("mul(x,sin(v))", "sin(v)", "sin(mul(x,sin(v)))")
    ]
    waves = terms_term.by_depth(given)
    assert [[t.name(STATES) for t in wave] for wave in waves] == [
        ["sin(v)"],
        ["mul(x,sin(v))"],
        ["sin(mul(x,sin(v)))"],
    ]


def test_composed_terms_are_distinct_and_none_follows_from_the_others():
    names = terms_term.composed_terms(STATES)
    assert len(set(names)) == len(names) == 26
    states = np.random.default_rng(0).uniform(-2, 2, (500, 2))
    theta = library.evaluate(library.bind(names, STATES), jnp.asarray(states)).theta
    # Only add(x,v) is a combination of others, of identity(x) and identity(v).
    assert np.linalg.matrix_rank(theta, 1e-8) == 25
    left = np.delete(np.asarray(theta), names.index("add(x,v)"), axis=1)
    assert np.linalg.matrix_rank(left, 1e-8) == 25
