import numpy as np
import pytest

from nsindy import equations

NAMES = ["identity(x)", "identity(v)", "mul(x,sin(v))"]
STATES = ["x", "v"]


def test_text_is_in_the_notation_of_pysindy():
    coefficients = np.array([[0.0, 1.0, 0.0], [-1.0, -0.1, 2.34567]])
    assert equations.text(coefficients, NAMES, STATES) == [
        "x' = 1.000 identity(v)",
        "v' = -1.000 identity(x) + -0.100 identity(v) + 2.346 mul(x,sin(v))",
    ]


def test_digits_are_a_choice():
    assert equations.text(np.array([[0.12345, 0, 0]]), NAMES, ["x"], precision=4) == [
        "x' = 0.1235 identity(x)"
    ]


def test_an_empty_equation_is_zero():
    assert equations.text(np.zeros((2, 3)), NAMES, STATES) == ["x' = 0.000", "v' = 0.000"]
    assert equations.latex(np.zeros((1, 3)), NAMES, ["x"]) == [r"\dot{x} = 0"]


def test_latex_writes_signs_between_terms():
    coefficients = np.array([[0.0, 1.0, -0.5], [-1.0, -0.1, 0.0]])
    assert equations.latex(coefficients, NAMES, STATES, precision=2) == [
        r"\dot{x} = 1.00\,\mathrm{identity}(v) - 0.50\,\mathrm{mul}(x,sin(v))",
        r"\dot{v} = - 1.00\,\mathrm{identity}(x) - 0.10\,\mathrm{identity}(v)",
    ]


def test_text_reads_back_to_the_coefficients():
    coefficients = np.round(np.random.default_rng(0).normal(size=(2, 3)), 3)
    for line, row in zip(equations.text(coefficients, NAMES, STATES), coefficients, strict=True):
        words = dict(part.split(" ")[::-1] for part in line.split(" = ")[1].split(" + "))
        assert [float(words[name]) for name in NAMES] == list(row)


@pytest.mark.parametrize("write", [equations.text, equations.latex])
def test_names_and_states_must_match_the_coefficients(write):
    with pytest.raises(ValueError):
        write(np.ones((2, 3)), NAMES[:2], STATES)
    with pytest.raises(ValueError):
        write(np.ones((2, 3)), NAMES, STATES[:1])
