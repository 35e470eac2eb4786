"""The regression along trajectories: what terms do to a recording, to first order."""

import numpy as np
import pytest
from problems import noisy, prepared, solved

from nsindy.discovery.numbers import number_blocks, number_regression, number_tangent
from nsindy.discovery.supports import candidates
from nsindy.terms.text import readable

K = 1.2


@pytest.fixture(scope="module")
def switched():
    """x' = 1.9 - 0.45 x y², y' = 1.3 y²/(K² + y²) - 0.24 x; chosen are y/(1 + y) and x²."""
    times = np.linspace(0, 8, 300)

    def field(s):
        return [1.9 - 0.45 * s[0] * s[1] ** 2, 1.3 * s[1] ** 2 / (K**2 + s[1] ** 2) - 0.24 * s[0]]

    states = noisy(solved(field, (1.0, 1.5), times), 0.005)
    made = prepared(times, states, operations=("saturation",))
    names = [readable(term, ("x", "y")) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    for d, term in ((0, "1"), (0, "x y^2"), (1, "y/(1 + y)"), (1, "x^2")):
        mask[d, names.index(term)] = True
    start = candidates.regressed(made.problem, mask)
    nothing = np.zeros(2)
    parts = mask, start.coefficients, start.begin, nothing, nothing, nothing
    return made, names, candidates.Candidate(*parts, 0.0, 0.0), 0.005 * np.std(states, 0)


def test_the_true_terms_leave_the_noise(switched):
    """With its coefficients free, the true equation explains the target up to the noise."""
    made, names, chosen, noise = switched
    (one,) = number_tangent.tangents(
        made, chosen, noise / made.units.states, np.array([False, True])
    )
    assert one.equation == 1 and one.base.shape == (len(one.target), len(names))
    values = [np.hstack([s.states, s.inputs]) * made.units.variables for s in made.signals]
    (block,) = (
        b for b in number_blocks.blocks(made, values) if (b.kind, b.places) == ("hill2", (1,))
    )
    hill = one.columns(block.at(np.array([K])))[:, [0]]
    columns = np.concatenate([hill, one.base[:, [names.index("x")]]], 1)
    weights = np.linalg.lstsq(columns, one.target, rcond=None)[0]
    left = one.target - columns @ weights
    assert np.mean(left**2) == pytest.approx(1.0, abs=0.15)
    wrong = np.linalg.lstsq(one.base[:, chosen.mask[1]], one.target, rcond=None)[1]
    assert wrong[0] > np.sum(left**2) + 10


def test_held_inputs_push_a_solution_as_they_do():
    """Around the solution of growth in the light that changes in every row, to first order."""
    times = np.arange(0, 6, 0.1)
    light = np.maximum(np.sin(2 * np.pi * times), 0.0)

    def field(y, u):
        return 1.5 * y * u - 0.4 * y

    states = np.ones((len(times), 1))
    for n, step in enumerate(np.diff(times)):
        states[n + 1] = states[n] * np.exp((1.5 * light[n] - 0.4) * step)
    clean, states = states, noisy(states, 0.01)
    made = prepared(times, states, inputs=light[:, None])
    names = [readable(term, ("y", "u")) for term in made.terms]
    mask = np.isin(names, ["y", "y u"])[None]
    coefficients = np.zeros(mask.shape)
    for name, value in (("y", -0.4), ("y u", 1.5)):
        place = names.index(name)
        coefficients[0, place] = value / made.back[0, place]
    # The solution begins where it would by itself, and its segments join.
    length = np.asarray(made.segments(1.0).steps).shape[1]
    begin = clean[::length] / made.units.states
    chosen = candidates.Candidate(mask, coefficients, begin, *np.zeros((3, 1)), 0.0, 0.0)
    noise = 0.01 * states.std(0) / made.units.states
    (one,) = number_tangent.tangents(made, chosen, noise, np.array([True]))
    found, left, *_ = np.linalg.lstsq(one.base[:, mask[0]], one.target, rcond=None)
    values = dict(zip(np.array(names)[mask[0]], found * made.back[0, mask[0]], strict=True))
    assert values == pytest.approx({"y": -0.4, "y u": 1.5}, rel=0.03)
    assert left[0] / len(times) == pytest.approx(1.0, abs=0.35)


def test_a_number_is_found_whose_terms_are_none_that_were_chosen(switched):
    made, names, chosen, noise = switched
    offers = number_regression.proposed_along(
        made, chosen, noise / made.units.states, np.array([False, True])
    )
    best = offers[0]
    assert best.followed and best.inner[:2] == ("hill2", 1)
    assert best.inner.number == pytest.approx(K, rel=0.1)
    plain = best.mask[:, : len(names)]
    assert (plain[0] == chosen.mask[0]).all()
    assert [names[m] for m in np.flatnonzero(plain[1])] == ["x"]
    assert best.mask[1].sum() == 2


def test_no_equation_that_is_not_asked_for(switched):
    made, _, chosen, noise = switched
    assert not list(number_tangent.tangents(made, chosen, noise, np.zeros(2, bool)))
    assert number_regression.proposed_along(made, chosen, noise, np.zeros(2, bool)) == []


def test_a_wave_takes_the_place_of_terms_that_stand_for_it():
    """x' = -2.2 sin(2.08 y): between two numbers of the grid, at neither of which it is as good."""
    times = np.linspace(0, 12, 300)

    def field(s):
        return [-2.2 * np.sin(2.08 * s[1]), 2.0 - 0.2 * s[0] * s[1]]

    states = noisy(solved(field, (1.0, 1.5), times), 0.005)
    made = prepared(times, states, operations=("sin", "cos"))
    names = [readable(term, ("x", "y")) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    for d, term in ((0, "y^2"), (0, "sin(y)"), (0, "sin(y) cos(y)"), (1, "1"), (1, "x y")):
        mask[d, names.index(term)] = True
    start = candidates.regressed(made.problem, mask)
    nothing = np.zeros(2)
    parts = mask, start.coefficients, start.begin, nothing, nothing, nothing
    noise = 0.005 * np.std(states, 0) / made.units.states
    best, *_ = number_regression.proposed_along(
        made, candidates.Candidate(*parts, 0.0, 0.0), noise, np.array([True, False])
    )
    assert best.inner.kind == "wave" and best.inner.place == 1
    assert best.inner.number == pytest.approx(2.08, rel=0.02)
    assert best.mask[0].sum() == 1 and best.gain > 10
