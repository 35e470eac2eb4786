"""A vector field in the place of a library: the same solutions, sensitivities and fits."""

import jax.numpy as jnp
import numpy as np
import problems
import pytest

from nsindy.terms.text import readable
from nsindy.trajectories import shooting
from nsindy.trajectories.flow import Flow
from nsindy.trajectories.gauss_newton import fit_segments
from nsindy.trajectories.shooting import Model

TIMES = np.linspace(0, 8, 81)


@pytest.fixture(scope="module")
def posed():
    """x' = v, v' = -x - 0.3 v²; its problem, and the places of v in x', and of x and v² in v'."""
    states = problems.solved(lambda y: np.array([y[1], -y[0] - 0.3 * y[1] ** 2]), [1.0, 0.2], TIMES)
    made = problems.prepared(TIMES, states)
    names = [readable(term, ("x", "v")) for term in made.terms]
    return made, [names.index(name) for name in ("v", "x", "v^2")]


def models(posed, numbers):
    """The same equations as terms, and as a vector field with these numbers in raw units."""
    made, (v, x, square) = posed
    a, b, c = numbers
    scaled = np.array([[a, 0.0], [b, c]]) / made.back[[[0], [1]], [[v, v], [x, square]]]
    free = np.array([[True, False], [True, True]])
    of_terms = Model(np.array([[v, v], [x, square]]), free, scaled, made.problem.begin)
    row = np.ones((1, 3), bool)
    of_flow = Model(0 * row, row, np.array([numbers]), made.problem.begin)
    flow = Flow(
        lambda z, p: jnp.stack([p[0] * z[1], p[1] * z[0] + p[2] * z[1] ** 2]),
        made.units.variables,
        made.units.time / made.units.states,
    )
    return of_terms, of_flow, flow


def test_solutions_and_sensitivities(posed):
    made, (v, x, square) = posed
    of_terms, of_flow, flow = models(posed, [1.0, -1.0, -0.3])
    segments = made.segments(1.0)
    one = shooting.shoot(made.problem.terms, of_terms, segments)
    other = shooting.shoot(flow, of_flow, segments)
    np.testing.assert_allclose(other.states, one.states, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(other.by_begin, one.by_begin, rtol=1e-11, atol=1e-13)
    # By raw numbers, not by scaled coefficients.
    units = made.back[[0, 1, 1], [v, x, square]]
    by_slots = np.asarray(one.by_coefficients)[..., [0, 2, 3]] / units
    np.testing.assert_allclose(other.by_coefficients, by_slots, rtol=1e-10, atol=1e-12)
    alone = shooting.shoot(flow, of_flow, segments, of_flow.indices[:, :0])
    assert alone.by_coefficients.shape[-1] == 0
    np.testing.assert_array_equal(alone.states, other.states)


def test_a_fit_finds_the_numbers(posed):
    made, _ = posed
    _, start, flow = models(posed, [0.7, -1.4, 0.1])
    found = fit_segments(flow, start, made.segments(1.0), np.full(2, 1e-4))
    # The segments were solved to ten digits, and fitted until a ten-thousandth of 1e-4² is left.
    np.testing.assert_allclose(found.model.coefficients[0], [1.0, -1.0, -0.3], atol=1e-5)
