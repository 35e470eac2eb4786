"""PySINDy's optimizers on given Θ and Ẋ: what they must find, and how it is scored."""

import importlib.util
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from nsindy import study, systems

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
import pysindy_references as references  # pyright: ignore[reportMissingImports]

needs_pysindy = pytest.mark.skipif(
    importlib.util.find_spec("pysindy") is None,
    reason="pysindy is not installed (pip install 'nsindy[bench]')",
)
NAMES = ("a", "b", "c", "d")
METHODS = [name for name in references.METHODS if name.split()[1] not in ("SSR", "FROLS")]
TRUTH = np.array([[0.0, 2.0, 0.0, 0.0], [-1.0, 0.0, 0.5, 0.0]])


@pytest.fixture(scope="module")
def easy():
    """Independent columns and little noise: nothing stands between a method and the truth."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(300, 4))
    derivatives = theta @ TRUTH.T + 1e-3 * rng.normal(size=(300, 2))
    parts = (theta[:240], derivatives[:240], theta[240:], derivatives[240:])
    return references.Problem(*parts, NAMES, TRUTH)


@needs_pysindy
@pytest.mark.parametrize("name", METHODS)
def test_independent_columns_are_recovered_exactly(easy, name):
    row = references.measure(name, [easy, easy._replace(seed=1)])
    if "not_available" in row:
        assert "MIOSR" in name
        pytest.skip(row["not_available"])
    assert (row["exact"], row["equivalent"], row["seeds"], row["failed"]) == (2, 2, 2, 0)
    assert row["seconds_per_fit"] > 0
    assert row["most_frequent"] == ("b | a + c", 2)
    with references._quiet():
        np.testing.assert_allclose(references.METHODS[name](easy), TRUTH, atol=1e-3)


@needs_pysindy
def test_ssr_recovers_equations_of_equally_many_terms(easy):
    truth = np.array([[0.0, 2.0, 0.0, 1.0], [-1.0, 0.0, 0.5, 0.0]])
    noise = easy.derivatives - easy.theta @ TRUTH.T
    equal = easy._replace(derivatives=easy.theta @ truth.T + noise, truth=truth)
    assert references.measure("PySINDy SSR", [equal])["exact"] == 1
    # With one term and two it cannot: that is how the library works, not how it is called.
    row = references.measure("PySINDy SSR", [easy])
    assert (row["exact"], row["failed"]) == (0, 0)


@needs_pysindy
def test_frols_gives_finite_coefficients(easy):
    # Its default choice of the model is not one that finds the truth, so only the shape is asked.
    with references._quiet():
        found = references.frols(easy)
    assert found.shape == TRUTH.shape and np.isfinite(found).all()


@needs_pysindy
def test_ensemble_repeats_and_leaves_the_global_generator_as_it_was(easy):
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    with references._quiet():
        first, second = references.ensemble(easy), references.ensemble(easy)
    np.testing.assert_array_equal(first, second)
    after = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    np.testing.assert_array_equal(after, before)


def test_a_missing_package_is_said(easy, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysindy", None)
    for name in references.METHODS:
        row = references.measure(name, [easy])
        assert row["not_available"].startswith("not available: ") and "exact" not in row


@needs_pysindy
def test_a_missing_solver_is_said(easy, monkeypatch):
    monkeypatch.setitem(sys.modules, "gurobipy", None)
    row = references.measure("PySINDy MIOSR, told the sparsity", [easy])
    assert row["not_available"].startswith("not available: ") and "exact" not in row


@needs_pysindy
def test_a_fit_that_raises_recovers_nothing_and_is_counted(easy):
    broken = easy._replace(theta=np.full_like(easy.theta, np.inf))
    row = references.measure("PySINDy STLSQ, tuned", [easy, broken])
    assert (row["exact"], row["seeds"], row["failed"]) == (1, 2, 1) and row["reason"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"x": -1, "v": -0.01}, True),
        ({"x": -0.99, "add": -0.01}, True),
        ({"v": 0.99, "add": -1}, True),
        ({"x": -1, "sin": -0.01}, False),
        ({"x": -1}, False),
        ({"x": -0.5, "v": 0.49, "add": -0.5}, False),
        ({}, False),
    ],
)
def test_equivalent_allows_exact_ties_and_no_stand_in_for_a_weak_term(second, expected):
    t = np.linspace(0, 20, 400)
    x, v = np.cos(t), -np.sin(t)
    theta = np.column_stack([x, v, np.sin(v), x + v])
    names = ("x", "v", "sin", "add")
    truth = np.array([[0, 1, 0, 0], [-1, -0.01, 0, 0]])
    found = np.array([truth[0], [second.get(name, 0) for name in names]])
    # sin(v) for the weak v leaves less than the tolerance of the whole right-hand side.
    target, inside = theta @ truth[1], theta[:, [0, 2]]
    left = target - inside @ np.linalg.lstsq(inside, target, rcond=None)[0]
    assert np.linalg.norm(left) < references.TOLERANCE * np.linalg.norm(target)
    assert references.equivalent(found, truth, theta) is expected


def test_problems_keep_the_split_of_the_recordings(exact, paper):
    keys = jax.random.split(jax.random.key(0), 2)
    data = jax.vmap(
        lambda key: study.record(key, systems.DAMPED_OSCILLATOR, exact, paper, samples=50)
    )(keys)
    first, second = references.problems(data, exact.names, seed0=7)
    assert (first.seed, second.seed) == (7, 8)
    assert len(first.theta) + len(first.held_theta) == 50
    index = np.asarray(data.trajectory.train[1])
    np.testing.assert_array_equal(second.theta, np.asarray(data.theta[1])[index])
    np.testing.assert_array_equal(second.truth, np.asarray(data.truth[1]))
