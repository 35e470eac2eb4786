"""Laws of a person's own beside what was found, on recordings whose law is known."""

import dataclasses

import numpy as np
import pytest
from problems import solved

import nsindy
from nsindy.discovery import constants
from nsindy.discovery.laws import comparison

TIMES = np.linspace(0, 60, 61)
TRUTH = 0.05, 22.0


def cooling(seed, noise=0.2):
    """Newton's law of cooling from 80 °C, in °C and minutes."""
    k, room = TRUTH
    clean = room + (80 - room) * np.exp(-k * TIMES)
    return clean + noise * np.random.default_rng(seed).standard_normal(len(TIMES))


@pytest.fixture(scope="module")
def cup():
    return nsindy.discover(
        TIMES,
        cooling(0),
        states=["T"],
        operations=(),
        law=["T' = -k*(T - Ta)", "T' = -a*b*T"],
    )


def test_newton_is_beside_what_was_found(cup):
    found, newton, wrong = cup.laws
    assert found.text == "" and found.nats == 0 and found.price > 0
    assert newton.names == ("k", "Ta")
    # Twice as many standard errors as a hundred such numbers would need.
    for value, error, truth in zip(newton.values, newton.errors, TRUTH, strict=True):
        assert abs(value - truth) < 4 * error < 0.1 * truth
    assert min(newton.r2) > 0.999 and min(newton.held_out) > 0
    # What was found are the same terms, so it differs by their price alone.
    assert {cup.terms[m] for m in np.flatnonzero(cup.coefficients[0])} == {"1", "T"}
    assert newton.nats == pytest.approx(found.price, abs=0.5)
    np.testing.assert_allclose(newton.r2, found.r2, atol=1e-5)
    np.testing.assert_allclose(newton.held_out, found.held_out, atol=0.02)
    assert wrong.nats < -30 and wrong.r2[0] < newton.r2[0]
    # Of a product of two numbers neither is known.
    assert np.isnan(wrong.errors).all() and np.isfinite(wrong.values).all()


@pytest.mark.parametrize(("factor", "heading"), ((0.9, "equation"), (1.1, "approximation")))
def test_a_law_that_explains_clearly_more_is_said_first(cup, factor, heading):
    """By more than what was found pays for the choice of its terms."""
    found, newton, wrong = cup.laws
    better = newton._replace(nats=found.price + factor * constants.STRONG)
    one = comparison.beaten(dataclasses.replace(cup, laws=(found, wrong, better)), 1.0)
    assert one.verdict == heading
    said = [line for line in one.warnings if "the search has missed it" in line]
    assert len(said) == (heading == "approximation")
    assert all(line.startswith(newton.text) for line in said)


def test_what_is_said(cup, tmp_path):
    lines = str(cup).splitlines()
    assert lines[1].startswith("what was found: pays ")
    assert lines[2].startswith("T' = -k*(T - Ta): k = 0.0") and "nats better" in lines[2]
    assert "nats worse" in lines[3] and "the recording does not tell a, b apart" in lines[3]
    plain = dataclasses.replace(cup, laws=())
    assert str(plain) == lines[0]
    cup.save(tmp_path / "cup.json")
    again = nsindy.load(tmp_path / "cup.json")
    assert str(again) == str(cup) and again.laws[1] == cup.laws[1]


def test_the_errors_are_those_of_least_squares(cup):
    """By the information of the exact solution, of k, Ta and the initial value."""

    def solution(numbers):
        k, room, start = numbers
        return room + (start - room) * np.exp(-k * TIMES)

    truth, step = np.array([*TRUTH, 80.0]), np.array([1e-6, 1e-3, 1e-3])
    slopes = [
        (solution(truth + d) - solution(truth - d)) / (2 * h)
        for d, h in zip(np.diag(step), step, strict=True)
    ]
    covariance = np.linalg.inv(np.array(slopes) @ np.array(slopes).T)
    bound = float(cup.noise[0]) * np.sqrt(np.diagonal(covariance))[:2]
    # They hold the noise as it was found, and 61 measurements leave 58 degrees of freedom.
    np.testing.assert_allclose(cup.laws[1].errors, bound, rtol=0.1)


def test_shares_are_of_what_was_measured():
    """Where a state was not measured it counts for nothing, and what diverges explains nothing."""
    truth = np.stack([np.arange(6.0), np.arange(6.0) ** 2], 1)
    path = truth + np.array([0.5, 0.0])
    whole = comparison._explained([(truth[[0, 2, 4]], path[[0, 2, 4]])])
    truth[[1, 3, 5]] = np.nan
    assert comparison._explained([(truth, path)]) == pytest.approx(whole)
    assert whole == pytest.approx((1 - 3 * 0.25 / 8, 1.0))
    path[4, 1] = np.nan
    assert comparison._explained([(truth, path)])[1] == -np.inf


@pytest.mark.slow
def test_a_law_beside_an_approximation():
    """x' = -k x³ is in no library of degree 1, whose best choice leaves structure."""
    times, rate = np.linspace(0, 10, 200), 0.4
    clean = 2 / np.sqrt(1 + 8 * rate * times)
    noisy = clean + 1e-3 * np.random.default_rng(0).standard_normal(len(times))
    laws = ["x' = -k*x^3", "x' = -k*x"]
    found = nsindy.discover(
        times, noisy, states=["x"], operations=(), degree=1, law=laws, forcing=False
    )
    _, cubic, linear = found.laws
    assert found.verdict == "approximation"
    assert cubic.nats > 30 and linear.nats < cubic.nats
    assert abs(cubic.values[0] - rate) < 4 * cubic.errors[0] < 0.01 * rate


@pytest.mark.slow
def test_a_law_without_numbers_is_tested_as_well():
    """Nothing is fitted but where it begins, so it wins the price of the numbers."""
    k, room = TRUTH
    text = f"T' = {k * room} - {k}*T"
    found = nsindy.discover(TIMES, cooling(0), states=["T"], operations=(), law=text)
    (_, law) = found.laws
    assert law.names == () and law.nats > 3 and law.r2[0] > 0.999


@pytest.mark.slow
def test_predators_and_prey_in_twenty_one_coarse_rows():
    """Two peaks of a few rows each, as in a hundred years of furs: too coarse to be smoothed."""
    truth = 0.48, 0.025, 0.92, 0.027
    years = np.arange(21.0)

    def field(y):
        return [truth[0] * y[0] - truth[1] * y[0] * y[1], -truth[2] * y[1] + truth[3] * y[0] * y[1]]

    clean = solved(field, (35.0, 4.0), years)
    states = clean + 0.15 * clean.std(0) * np.random.default_rng(0).standard_normal(clean.shape)
    law = "h' = a*h - b*h*l; l' = -c*l + d*h*l"
    found = nsindy.discover(years, states, states=["h", "l"], law=law)
    terms = [{found.terms[m] for m in np.flatnonzero(row)} for row in found.coefficients]
    assert terms == [{"h", "h l"}, {"l", "h l"}]
    (_, tested) = found.laws
    for value, error, true in zip(tested.values, tested.errors, truth, strict=True):
        assert abs(value - true) < 4 * error < true
    assert min(tested.r2) > 0.9
