"""A discovery with numbers inside its terms: its parameters, its file, and all that it prints."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from by_hand import make

from nsindy.result.discovery import load
from nsindy.terms import operations, primitive
from nsindy.terms.numbered_operations import Numbered, with_number
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.own import operation
from nsindy.terms.term import Term

MUL = operations.get("mul")
K, RATE, DIGITS = 0.1 + 0.2, 1.2, 2.0 / 3


def bound(name, number, place):
    return Term(with_number(NUMBERED[name], number), (place,))


@pytest.fixture
def chain():
    """S' = -1.2 S/(K + S), P' = 1.2 S/(K + S) - 0.5 exp(-k P), and terms that are absent."""
    rate = bound("michaelis", K, 0)
    library = [rate, bound("inhibition", K, 0), bound("exponential", -DIGITS, 1)]
    absent = [Term(MUL, (1, rate)), bound("hill2", 5.0, 1)]
    return make(
        [*library, *absent, "identity(S)"],
        [[-RATE, 0.0, 0.0, 0.0, 0.0, 0.0], [RATE, 0.0, -0.5, 0.0, 0.0, 0.0]],
        ("S", "P"),
        errors=0.001,
        number_errors=np.array([0.02, 0.03]),
    )


def right(s, p):
    rate = RATE * s / (K + s)
    return [-rate, rate - 0.5 * np.exp(-DIGITS * p)]


def test_parameters_are_the_numbers_that_are_used(chain):
    assert chain.parameters == {"K_S": K, "k_P": -DIGITS}
    assert chain.parameter_errors == {"K_S": 0.02, "k_P": 0.03}
    assert [(i.kind, i.place) for i in chain.inner()] == [("michaelis", 0), ("exponential", 1)]


def test_operations_of_one_kind_share_a_parameter():
    both = [bound("michaelis", K, 0), bound("inhibition", K, 0)]
    found = make(both, [[-1.0, 0.3]], ("S",), number_errors=np.array([0.02]))
    assert found.parameters == {"K_S": K} and found.parameter_errors == {"K_S": 0.02}


def test_without_numbers_there_are_no_parameters():
    found = make(["identity(x)"], [[-1.0]], ("x",))
    assert found.parameters == {} and found.parameter_errors == {}


def test_an_error_that_is_not_known():
    found = make([bound("michaelis", K, 0)], [[-1.0]], ("S",))
    assert found.parameters == {"K_S": K} and np.isnan(found.parameter_errors["K_S"])


def test_a_wave_is_a_parameter():
    wave = Term(operations.get("sin"), (Term(primitive.times(6.28), (0,)),))
    found = make([wave, "identity(x)"], [[0.5, 0.0]], ("x",), number_errors=np.array([0.02]))
    assert found.parameters == {"w_x": 6.28} and found.parameter_errors == {"w_x": 0.02}


def test_it_prints(chain):
    assert chain.equations() == [
        "S' = -1.2000 S/(0.3000 + S)",
        "P' = 1.2000 S/(0.3000 + S) - 0.5000 exp(-0.6667 P)",
    ]
    assert str(chain).splitlines()[0] == "S' = -1.2000 S/(0.3000 + S)   (± 0.0010)"
    first, second = chain.latex()
    assert r"\frac{S}{S + 0.3}" in first and "e^{- 0.6667 \\, P}" in second
    first, second = chain.mathml()
    assert first.count("<mfrac>") == 1 and "<mn>0.6667</mn>" in second
    assert "<math" in chain._repr_html_() and r"\frac" in chain._repr_latex_()


def test_sympy_keeps_every_digit(chain):
    values = {sympy.Symbol("S"): 1.7, sympy.Symbol("P"): 0.4}
    found = [float(side.subs(values)) for side in chain.to_sympy()]
    np.testing.assert_allclose(found, right(1.7, 0.4), rtol=1e-14)


def test_vector_field_is_the_equation(chain, variant):
    found = variant(chain.vector_field)(0.0, jnp.array([1.7, 0.4]))
    np.testing.assert_allclose(found, right(1.7, 0.4), rtol=1e-12)


@pytest.mark.parametrize("name", NUMBERED)
def test_a_file_keeps_every_operation(name, tmp_path):
    row = NUMBERED[name]
    numbers = {row.symbol: DIGITS} | ({row.second: 1.7} if row.second else {})
    alone = Term(with_number(row, *numbers.values()), tuple(range(row.variables)))
    terms = [alone, Term(MUL, (1, alone)), "identity(v)"]
    errors = np.full(len(numbers), 0.02)
    found = make(terms, [[0.5, 0, 0], [0, 0.25, 1]], ("x", "v"), number_errors=errors)
    found.save(tmp_path / "n.json")
    again = load(tmp_path / "n.json")
    assert again.library == found.library and str(again) == str(found)
    assert again.parameters == found.parameters
    assert again.parameter_errors == found.parameter_errors
    of = "_x_v" if row.variables == 2 else "_x"
    assert found.parameters == {f"{symbol}{of}": value for symbol, value in numbers.items()}
    y = jnp.array([1.3, 0.7])
    np.testing.assert_array_equal(again.vector_field(0.0, y), found.vector_field(0.0, y))


def test_a_file_of_before_has_no_errors_of_numbers(chain, tmp_path):
    chain.save(tmp_path / "n.json")
    content = json.loads((tmp_path / "n.json").read_text())
    assert content["number_errors"] == [0.02, 0.03]
    del content["number_errors"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    old = load(tmp_path / "old.json")
    assert old.number_errors is None and old.parameters == chain.parameters
    assert np.isnan(list(old.parameter_errors.values())).all()


@pytest.mark.parametrize(
    ("name", "says"),
    (
        ("michaelis[nan]", "has an unknown operation"),
        ("michaelis[]", "has an unknown operation"),
        ("michaelis", "has an unknown operation"),
        ("menten[0.5]", "has an unknown operation"),
    ),
)
def test_a_file_with_no_number_in_a_term_is_refused(name, says, chain, tmp_path):
    chain.save(tmp_path / "n.json")
    content = json.loads((tmp_path / "n.json").read_text())
    content["library"][0][0] = name
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=says) as caught:
        load(tmp_path / "bad.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ("x", [[0.1, 0.2]], ["a", "b"], {}))
def test_errors_of_numbers_are_a_list_of_numbers(wrong, chain, tmp_path):
    chain.save(tmp_path / "n.json")
    content = json.loads((tmp_path / "n.json").read_text())
    content["number_errors"] = wrong
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is damaged: number_errors"):
        load(tmp_path / "bad.json")


def test_an_operation_that_was_written_is_saved_as_its_text(tmp_path):
    own = operation("uptake = x / (K + x)")
    found = make([Term(with_number(own, 0.5), (0,))], [[-1.0]], ("x",))
    found.save(tmp_path / "own.json")
    again = load(tmp_path / "own.json")
    assert str(again) == str(found) and again.parameters == {"K_x": 0.5}
    np.testing.assert_allclose(again.vector_field(0.0, jnp.array([0.5])), [-0.5])


@pytest.mark.parametrize(
    "written", ({"uptake": "other = x / (K + x)"}, {"uptake": "uptake = __import__"}, [], {"a": 1})
)
def test_a_damaged_text_of_an_operation(tmp_path, written):
    own = operation("uptake = x / (K + x)")
    make([Term(with_number(own, 0.5), (0,))], [[-1.0]], ("x",)).save(tmp_path / "own.json")
    content = json.loads((tmp_path / "own.json").read_text())
    (tmp_path / "bad.json").write_text(json.dumps(content | {"written": written}))
    with pytest.raises(ValueError, match="is damaged"):
        load(tmp_path / "bad.json")


def test_an_operation_that_is_a_function_is_not_saved(tmp_path):
    """It is Python, which no file holds; nor is one that has the name of another."""
    for name in ("gauss", "michaelis"):
        own = Numbered(
            name,
            "s",
            lambda x, p: jnp.exp(-((x / p) ** 2)),
            numpy=lambda x, p: np.exp(-((x / p) ** 2)),
            written=lambda x, p: {f"exp(-({x}/{p})^2)": 1},
            ranges=(0.1, 10.0),
        )
        found = make([Term(with_number(own, 0.5), (0,))], [[-1.0]], ("x",))
        assert found.parameters == {"s_x": 0.5}
        assert found.equations(1) == ["x' = -1.0 exp(-(x/0.5000)^2)"]
        np.testing.assert_allclose(found.vector_field(0.0, jnp.array([0.5])), [-np.exp(-1)])
        with pytest.raises(ValueError, match="neither ships with the package nor was written"):
            found.save(tmp_path / "own.json")


def test_a_gradient_goes_through_a_number(chain):
    """A solution by the coefficient of its rate, against two more solutions."""
    times = jnp.linspace(0.0, 2.0, 21)

    def last(found):
        return found.simulate(jnp.array([2.0, 0.1]), times)[-1, 1]

    slope = jax.grad(last)(chain).coefficients
    step = jnp.zeros_like(slope).at[1, 0].set(1e-5)
    high, low = (
        last(dataclasses.replace(chain, coefficients=chain.coefficients + s)) for s in (step, -step)
    )
    np.testing.assert_allclose(slope[1, 0], (high - low) / 2e-5, rtol=1e-5)
    # Terms that are absent stay so.
    assert not np.asarray(slope)[np.asarray(chain.coefficients) == 0].any()
