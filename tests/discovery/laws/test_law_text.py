"""Laws as they are written."""

import pytest

from nsindy.discovery.laws.law_text import read_laws
from nsindy.discovery.preparation.known import Names
from nsindy.terms.expression import symbols

NAMES = Names.of(["T", "v"], ["heater"], 1)


def test_names_that_are_no_columns_are_numbers():
    laws = read_laws(["T' = -k*(T - Ta) + a*heater; v' = a*v", "v' = -v"], NAMES)
    assert [law.numbers for law in laws] == [("k", "Ta", "a"), ()]
    assert [sorted(law.rows) for law in laws] == [[0, 1], [1]]
    assert symbols(laws[0].rows[1]) == ("a", "v")
    assert laws[0].text == "T' = -k*(T - Ta) + a*heater; v' = a*v"


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("T' = -k*(T - Ta", "at column 9: this bracket is not closed"),
        ("T' = k; T' = -k*T", "at column 8: T' has an equation already"),
        ("T' = k; w' = -k*T", "at column 9: there is no equation for w', but for T', v'"),
        ("T' = k*t", "the time is no variable"),
        ("T' = ... - k*T", "a law has no ..."),
        ("T' = k*heatr", "at column 8: heatr is not known, and too much like heater"),
        ("T' = k*V", "at column 8: V is not known, and too much like v"),
        ("v' = k*v'", "at column 8: v' is not known"),
        ("T' = -k*(T - Ta); ", "an equation has one ="),
        ("T' = eval('1')", "at column 11"),
        ("T' = a.b", "at column 7: '.' is not allowed"),
        ("T' = " + "+".join(f"k{i}*T^{i % 20}" for i in range(30)), "30 numbers to fit are too"),
    ),
)
def test_what_is_no_law(text, said):
    with pytest.raises(ValueError) as error:
        read_laws([text], NAMES)
    assert said in str(error.value)
