"""Moments at which a rate changes: where they show, and terms that step with them."""

import numpy as np
import pytest
from problems import coefficients, noisy, prepared
from scipy.integrate import solve_ivp

import nsindy
from nsindy.discovery.inputs import breaks, forcing
from nsindy.terms import operations
from nsindy.terms.primitive import step_at
from nsindy.terms.term import Term
from nsindy.terms.text import readable

TIMES = np.linspace(0, 70, 140)


def epidemic(late=0.17, noise=0.01):
    """Susceptible and infectious; on day 28 contacts fall from 0.48 a day to that rate."""

    def field(t, y):
        met = (0.48 if t < 28 else late) * y[0] * y[1]
        return [-met, met - 0.14 * y[1]]

    made = solve_ivp(
        field, (0, 70), [0.99, 0.01], t_eval=TIMES, rtol=1e-9, atol=1e-11, max_step=0.1
    )
    return noisy(made.y.T, 0.01)


def test_the_moment_is_seen_at_which_a_rate_changes():
    """Where none changes, few terms need no step."""
    found = breaks.clearest_break(prepared(TIMES, epidemic(noise=0.003)))
    assert found is not None and found.time == pytest.approx(28, abs=2)
    assert breaks.clearest_break(prepared(TIMES, epidemic(0.48, 0.003))) is None


def test_a_term_steps_where_its_last_variable_does():
    """Alone and in a product, the step of the time in the place of the variable."""
    product = Term(operations.get("mul"), (0, 2))
    alone, both = (
        forcing._stepped(term, 2, step_at(5.0))
        for term in (Term(operations.get("identity"), (2,)), product)
    )
    other = forcing._stepped(Term(operations.get("mul"), (0, 1)), 2, step_at(5.0))
    names = ("S", "I", "t")
    assert readable(alone, names) == "step(t - 5.000)" and readable(other, names) == "S I"
    assert readable(both, names) == "S step(t - 5.000)"


@pytest.mark.slow
def test_a_lockdown():
    found = nsindy.discover(TIMES, epidemic(), states=["S", "I"])
    assert found.verdict == "equation" and "a rate changes at one moment" in found.warnings[0]
    (infected,) = ([*coefficients(found, 1)],)
    assert infected[:2] == ["I", "S I"] and "step(t - 2" in infected[2]
    measured = epidemic()
    rates = [
        (float(found.vector_field(t, measured[2 * t])[1]) / measured[2 * t, 1] + 0.14)
        / measured[2 * t, 0]
        for t in (20, 40)
    ]
    assert rates == pytest.approx([0.48, 0.17], abs=0.04)
