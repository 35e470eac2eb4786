"""Numbers that are found, and what a forcing does to a recording."""

import numpy as np
import pytest
from problems import prepared, solved
from scipy.integrate import solve_ivp

from nsindy.discovery.numbers import number_scan, response
from nsindy.discovery.numbers.response import Response, over_steps
from nsindy.discovery.supports import candidates
from nsindy.terms.text import readable


def test_a_forcing_acts_as_the_linear_equation_says():
    """δ' = [[0, 1], [-1, -c]] δ + [0, cos(2 t)], against its solution by SciPy."""
    times = np.linspace(0, 10, 201)
    matrix = np.array([[0.0, 1.0], [-1.0, -0.2]])
    step = times[1] - times[0]
    values, vectors = np.linalg.eig(matrix)
    propagator = np.real(vectors @ np.diag(np.exp(values * step)) @ np.linalg.inv(vectors))
    count = len(times)
    fresh = np.arange(count) == 0
    at = Response(
        times,
        *(np.zeros((1, count, n)) for n in (2, 1, 2)),
        np.broadcast_to(matrix, (1, count, 2, 2)),
        propagators := np.broadcast_to(propagator, (count - 1, 2, 2)),
        over_steps(propagators, fresh),
        fresh,
        np.zeros((count, 2, 2)),
        np.zeros((count, 2)),
        np.ones((count, 2)),
    )
    force = np.cos(2 * times)[:, None]
    found = at.response([force[:, :0], force]).reshape(count, 2)
    exact = solve_ivp(
        lambda t, y: matrix @ y + [0, np.cos(2 * t)],
        (0, 10),
        (0, 0),
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    ).y.T
    np.testing.assert_allclose(found, exact, atol=2e-4)


def test_a_forcing_that_steps_at_samples_acts_between_them():
    """δ' = -δ + u with a u that is held until the next sample, in closed form."""
    times = np.concatenate([[0.0], np.cumsum(np.tile([0.1, 0.3], 20))])
    u = np.random.default_rng(0).uniform(-1, 1, len(times))
    kept = np.exp(-np.diff(times))
    exact = np.zeros(len(times))
    for n, share in enumerate(kept):
        exact[n + 1] = share * exact[n] + (1 - share) * u[n]
    sides = np.stack([np.append(u[0], u[:-1]), u])[:, :, None]
    nothing, fresh = np.zeros((2, len(times), 1)), np.arange(len(times)) == 0
    at = Response(
        times,
        nothing,
        nothing,
        nothing,
        -np.ones((2, len(times), 1, 1)),
        kept[:, None, None],
        over_steps(kept[:, None, None], fresh),
        fresh,
        np.zeros((len(times), 1, 1)),
        np.zeros((len(times), 1)),
        np.ones((len(times), 1)),
    )
    np.testing.assert_allclose(at.response([sides])[:, 0], exact, atol=1e-4)
    # Smeared over both sides it is a quarter of a step late or early.
    assert np.abs(at.response([sides.mean(0)])[:, 0] - exact).max() > 0.02


def test_steps_one_by_one_and_many_at_once_are_the_same(monkeypatch):
    """Deviations that begin anew at two samples, of matrices that turn and grow."""
    rng = np.random.default_rng(2)
    count, fresh = 37, np.isin(np.arange(37), (0, 11, 30))
    propagators = np.eye(2) + 0.3 * rng.standard_normal((count - 1, 2, 2))
    at = Response(
        np.arange(count, dtype=float),
        *np.zeros((3, 1, count, 2)),
        rng.standard_normal((1, count, 2, 2)),
        propagators,
        over_steps(propagators, fresh),
        fresh,
        np.zeros((count, 2, 2)),
        np.zeros((count, 2)),
        np.ones((count, 2)),
    )
    force = rng.standard_normal((count, 3))
    at_once = at.response([force, force[:, :1]])
    monkeypatch.setattr(response, "FEW", 0)
    np.testing.assert_allclose(at_once, at.response([force, force[:, :1]]), rtol=1e-10)


def test_as_many_terms_stay_as_there_are_slots():
    """Of the subsets that backward elimination visits, the best that fits; a term with it stays."""
    rng = np.random.default_rng(0)
    design = rng.standard_normal((60, 5))
    target = design @ np.array([3.0, 2.0, 0.1, 1.0, 0.05]) + 0.01 * rng.standard_normal(60)
    columns = np.column_stack([design[:, :3], target, design[:, 3:]])

    def evidence(left, price):
        return -30 * np.log(left) - price

    for slots, expected in ((5, [True] * 5), (3, [True, True, False, True, False])):
        found, (kept,) = number_scan._pruned(columns, np.ones(5), 2, slots, evidence)
        assert kept.tolist() == expected
        left = np.linalg.lstsq(design[:, kept], target, rcond=None)[1][0]
        # A ridge of 1e-10 keeps equal columns apart.
        np.testing.assert_allclose(found, evidence(left, slots), rtol=1e-5)


@pytest.fixture(scope="module")
def growth():
    """x' = -0.5 x, y' = 0.5 tanh(1.6 x), beside tanh(x), and both equations by regression."""
    times = np.linspace(0, 6, 120)
    states = solved(lambda y: [-0.5 * y[0], 0.5 * np.tanh(1.6 * y[0])], (2.0, 0.0), times)
    noise = 0.005 * np.random.default_rng(0).standard_normal(states.shape)
    made = prepared(times, states + noise, operations=("tanh",), degree=2)
    names = [readable(term, ("x", "y")) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[0, names.index("x")] = mask[1, names.index("tanh(x)")] = mask[1, 0] = True
    return made, mask, candidates.regressed(made.problem, mask).coefficients


@pytest.mark.parametrize("others", (None, (False, True)))
def test_a_number_is_offered_beside_what_was_chosen(growth, others):
    """In the one equation in which it is looked for; a library without waves has nothing else."""
    made, mask, coefficients = growth
    others = None if others is None else np.array(others)
    noise = 0.005 / made.units.states
    offer = number_scan.offers(made, mask, coefficients, noise, others=others)[0]
    assert offer.inner[:2] == ("tanh", 0)
    assert offer.inner.number == pytest.approx(1.6, rel=0.05)
    terms = made.kinds.terms(offer.inner, 2)
    assert offer.mask.shape == (2, len(made.terms) + len(terms))
    assert offer.mask[:, len(made.terms) :].any(1).tolist() == [False, True]
    assert (offer.mask[0, : len(made.terms)] == mask[0]).all()
    # Half the logarithm of the measured values, for its digits.
    assert offer.gain > 10 and offer.price == pytest.approx(0.5 * np.log(240))


def test_no_number_is_offered_where_none_is_looked_for(growth):
    made, mask, coefficients = growth
    noise, nowhere = 0.005 / made.units.states, np.zeros(2, bool)
    assert number_scan.offers(made, mask, coefficients, noise, others=nowhere) == []
