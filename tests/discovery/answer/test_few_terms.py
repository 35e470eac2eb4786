"""The best equations of few plain terms beside an approximation."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import nsindy
from nsindy.discovery.answer import few_terms
from nsindy.terms.term import parse


@pytest.fixture(scope="module")
def driven():
    """A pendulum with a wave that was not recorded, among products of two alone."""
    times = np.linspace(0, 24, 240)
    field = lambda t, y: [y[1], -np.sin(y[0]) - 0.1 * y[1] + 0.3 * np.sin(2.9 * t)]  # noqa: E731
    clean = solve_ivp(field, (0, 24), [1.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-10).y.T
    noisy = clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape)
    knobs = {"states": ["x", "v"], "operations": (), "degree": 3, "forcing": False}
    return nsindy.discover(times, noisy, max_terms=6, **knobs)


@pytest.mark.slow
def test_it_is_said_with_how_well_one_simulation_follows(driven):
    assert driven.verdict == "approximation"
    said = [line for line in driven.warnings if line.startswith("in few plain terms")]
    assert len(said) == (np.count_nonzero(driven.coefficients, axis=1) > 3).any()
    for line in said:
        law, shares = line.split(": R² of one simulation ")
        assert law.count("' = ") == 2 and ", of the last fifth " in shares


def test_that_nothing_changes_is_no_law(monkeypatch):
    monkeypatch.setattr(few_terms, "proposed_among", lambda *asked: [])
    problem = SimpleNamespace(wide=False, open=np.ones((1, 1), bool))
    prepared = SimpleNamespace(problem=problem, terms=[parse("sin(x)", ("x",))])
    final = SimpleNamespace(
        problem=problem,
        chosen=SimpleNamespace(mask=np.ones((1, 1), bool)),
        best_of=lambda starts: SimpleNamespace(score=0.0, mask=np.zeros((1, 1), bool)),
    )
    assert few_terms.in_few_terms(prepared, None, final, None, sure=False) == ""


def test_an_equation_has_none_beside_it():
    times = np.linspace(0, 12, 240)
    states = np.stack([np.cos(times), -np.sin(times)], 1)
    noisy = states + 0.005 * np.random.default_rng(0).standard_normal(states.shape)
    found = nsindy.discover(times, noisy, states=["x", "v"], operations=())
    assert found.verdict == "equation"
    assert not any("few plain terms" in line for line in found.warnings)


@pytest.mark.slow
def test_a_spring_with_more_in_it_has_a_plainer_one_beside_it():
    """v' = -sin(x) - 0.3 v + 0.1 x² + 0.3 v³, of which three terms say nearly as much."""
    times = np.linspace(0, 20, 240)

    def field(t, y):
        return [y[1], -np.sin(y[0]) - 0.3 * y[1] + 0.1 * y[0] ** 2 + 0.3 * y[1] ** 3]

    clean = solve_ivp(field, (0, 20), [1.0, 0.0], t_eval=times, rtol=1e-9).y.T
    noisy = clean + 0.002 * np.random.default_rng(0).standard_normal(clean.shape)
    found = nsindy.discover(times, noisy, states=["x", "v"], operations=("sin",))
    assert found.verdict == "equation" and np.count_nonzero(found.coefficients[1]) == 4
    (note,) = [note for note in found.notes if note.startswith("in few plain terms")]
    law, shares = note.split(": R² of one simulation ")
    assert len(re.findall(r"\d [xv]", law.split("v' = ")[1])) <= 3
    first, second = shares.split(", of the last fifth")[0].split(", ")
    assert 0.98 < min(float(first), float(second)) < 1 and "nats less likely" in note


def cooling(curved):
    """T' = -0.03 (T - 20) - curved (T - 20)², 0.3 degrees of noise."""
    times = np.linspace(0, 60, 60)
    field = lambda t, y: [-0.03 * (y[0] - 20) - curved * (y[0] - 20) ** 2]  # noqa: E731
    clean = solve_ivp(field, (0, 60), [85.0], t_eval=times, rtol=1e-9).y.T
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    found = nsindy.discover(times, noisy, states=["T"], operations=(), degree=2)
    return found, [note for note in found.notes if note.startswith("the linear law")]


def test_newtons_law_stands_beside_a_cup_that_cools_a_little_otherwise():
    found, (note,) = cooling(1e-4)
    assert "T^2" in str(found)
    law, shares = note.split(": R² of one simulation ")
    constant, slope = (float(number) for number in re.findall(r"-?\d+\.\d+", law))
    assert -constant / slope == pytest.approx(-20, abs=3) and 0.03 < slope < 0.04
    assert float(shares.split(",")[0]) > 0.98 and "nats less likely" in shares


def test_no_linear_law_stands_beside_a_linear_one_or_a_curve():
    assert cooling(0.0)[1] == [] and cooling(2e-2)[1] == []


def test_where_a_regression_shows_a_bend_no_linear_law_is_fitted(monkeypatch):
    """x' = v, v' = 3 (1 - x²) v - x: fits, of seconds along chaos, would say nothing."""
    times = np.linspace(0, 20, 240)
    field = lambda t, y: [y[1], 3 * (1 - y[0] ** 2) * y[1] - y[0]]  # noqa: E731
    clean = solve_ivp(field, (0, 20), [1.0, 0.0], t_eval=times, rtol=1e-9).y.T
    noisy = clean + 0.01 * np.random.default_rng(0).standard_normal(clean.shape)
    monkeypatch.setattr(few_terms, "proposed_among", None)
    found = nsindy.discover(times, noisy, states=["x", "v"], operations=())
    assert found.verdict == "equation" and "x^2 v" in str(found)
    assert not any("linear law" in note for note in found.notes)
