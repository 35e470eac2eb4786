"""PySINDy's optimizers on given Θ and Ẋ: what they must find, and how it is scored."""

import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from peers import pysindy_references as references
from support.experiment import Experiment

from nsindy.paper import one_seed, summary, systems
from nsindy.paper.runs import REFERENCES, RUNS
from nsindy.paper.simulate import Measurement
from nsindy.terms import collinearity, library
from nsindy.terms.term import paper_terms

needs_pysindy = pytest.mark.skipif(
    importlib.util.find_spec("pysindy") is None,
    reason="pysindy is not installed (pip install 'nsindy[bench]')",
)
METHODS = [name for name in references.METHODS if name.split()[1] not in ("SSR", "FROLS")]
TRUTH = np.array([[0.0, 2.0, 0.0, 0.0], [-1.0, 0.0, 0.5, 0.0]])


@pytest.fixture(scope="module")
def easy():
    """Independent columns and little noise: nothing stands between a method and the truth."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(300, 4))
    derivatives = theta @ TRUTH.T + 1e-3 * rng.normal(size=(300, 2))
    parts = (theta[:240], derivatives[:240], theta[240:], derivatives[240:])
    return references.Problem(*parts, TRUTH)


@needs_pysindy
@pytest.mark.parametrize("name", METHODS)
def test_independent_columns_are_recovered_exactly(easy, name):
    try:
        fits = references.fit_all(name, [easy, easy._replace(seed=1)])
    except references.NotAvailable as error:
        assert "MIOSR" in name
        pytest.skip(str(error))
    assert not fits.failed.any() and fits.reason == "" and fits.seconds > 0
    np.testing.assert_array_equal(fits.coefficients != 0, [TRUTH != 0] * 2)
    np.testing.assert_allclose(fits.coefficients, [TRUTH] * 2, atol=1e-3)


@needs_pysindy
def test_ssr_recovers_equations_of_equally_many_terms(easy):
    truth = np.array([[0.0, 2.0, 0.0, 1.0], [-1.0, 0.0, 0.5, 0.0]])
    noise = easy.derivatives - easy.theta @ TRUTH.T
    equal = easy._replace(derivatives=easy.theta @ truth.T + noise, truth=truth)
    fits = references.fit_all("PySINDy SSR", [equal, easy])
    assert not fits.failed.any()
    right = np.all((fits.coefficients != 0) == [truth != 0, TRUTH != 0], axis=(1, 2))
    # With one term and two it cannot: that is how the library works, not how it is called.
    np.testing.assert_array_equal(right, [True, False])


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


@needs_pysindy
def test_a_missing_solver_is_said(easy, monkeypatch):
    monkeypatch.setitem(sys.modules, "gurobipy", None)
    with pytest.raises(references.NotAvailable, match="gurobipy"):
        references.fit_all("PySINDy MIOSR, told the sparsity", [easy])


@needs_pysindy
def test_a_fit_that_raises_is_marked_and_leaves_the_others(easy):
    broken = easy._replace(theta=np.full_like(easy.theta, np.inf))
    fits = references.fit_all("PySINDy STLSQ, tuned", [easy, broken, easy])
    np.testing.assert_array_equal(fits.failed, [False, True, False])
    assert fits.reason
    np.testing.assert_array_equal(fits.coefficients[1], 0)
    np.testing.assert_array_equal(fits.coefficients[2], fits.coefficients[0])


def test_problems_keep_the_split_of_the_recordings(exact, paper):
    keys = jax.random.split(jax.random.key(0), 2)
    data = jax.vmap(
        lambda key: one_seed.record_system(key, systems.DAMPED_OSCILLATOR, exact, paper, samples=50)
    )(keys)
    first, second = references.problems(data, seed0=7)
    assert (first.seed, second.seed) == (7, 8)
    assert len(first.theta) + len(first.held_theta) == 50
    index = np.asarray(data.trajectory.train[1])
    np.testing.assert_array_equal(second.theta, np.asarray(data.theta[1])[index])
    np.testing.assert_array_equal(second.truth, np.asarray(data.truth[1]))


EXPERIMENT = Experiment(
    "unused",
    # The process of the tests holds the programs of all before.
    memory_gb=64.0,
    seeds=3,
    seed0=5,
    samples=80,
    train_fraction=0.7,
    step=0.1,
    noise=0.01,
    stiffness=1.3,
    damping=0.2,
    x0=1.1,
    v0=-0.1,
    derivatives="estimated",
    library="exact",
)


@pytest.mark.slow
def test_recordings_are_those_that_a_run_selects_from():
    names = paper_terms(("x", "v"))
    data = references.recordings(EXPERIMENT, names, 2)
    bound = library.bind(names, ("x", "v"))
    # A run of the sweep as `study` makes it: the same key, half for the data, half to select.
    for i, seed in enumerate((5, 6)):
        data_key, select_key = jax.random.split(jax.random.key(seed))
        alone = one_seed.record_system(
            data_key,
            systems.DAMPED_OSCILLATOR,
            bound,
            Measurement(
                jnp.array([1.3, 0.2]), jnp.array([1.1, -0.1]), jnp.array(0.1), jnp.array(0.01)
            ),
            samples=80,
            estimate=True,
            train_fraction=0.7,
        )
        run = RUNS["exp0_stlsq"]
        expected = one_seed.outcome(select_key, alone, bound, run.knobs, run)
        # vmap only reorders sums.
        np.testing.assert_allclose(data.theta[i], alone.theta, rtol=1e-9, atol=1e-11)
        problem = references.problems(data)[i]
        errors = problem.held_theta @ expected.coefficients.T - problem.held_derivatives
        assert np.mean(errors**2) == pytest.approx(float(expected.validation_argmax), rel=1e-8)
        assert len(problem.theta) == 56


@pytest.mark.slow
def test_models_are_read_as_those_of_a_run():
    names = paper_terms(("x", "v"))
    data = references.recordings(EXPERIMENT, names, 3)
    run, bound = REFERENCES["best_subset"], library.bind(names, ("x", "v"))
    keys = jax.random.split(jax.random.key(0), 3)
    expected = jax.vmap(lambda key, one: one_seed.outcome(key, one, bound, run.knobs, run))(
        keys, data
    )
    failed = np.array([False, False, True])
    coefficients = np.where(failed[:, None, None], 0.0, expected.coefficients)
    found = references.read_fits(references.Fits(coefficients, failed, "why", 1.0), data)
    for mine, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine[:2], theirs[:2], rtol=1e-9, atol=1e-12)
    # A fit that raised an error has no model, and its error no number.
    assert np.isnan(found.validation_argmax[2]) and not found.support_correct[2]
    assert np.all(found.slots.terms[2] == -1)


def like(names):
    truth = np.zeros((2, 8))
    truth[0, 1], truth[1, :2] = 1.0, (-1.3, -0.2)
    reference = summary.Truth(
        coefficients=truth,
        names=names,
        states=("x", "v"),
        collinear=collinearity.Collinearity(7, 1e3, [], []),
        equivalent=[[], [[0, 6], [1, 6]]],
        bound=np.ones((2, 8)),
        snapped=None,
    )
    return summary.Swept(None, reference, relative=0.0, compile=3.0, run=4.0)


@needs_pysindy
def test_a_sweep_gives_every_method_its_rates():
    names = paper_terms(("x", "v"))
    swept = dict(references.sweep(EXPERIMENT, like(names), 2))
    available = [name for name in references.METHODS if name in swept]
    assert [name for name in references.METHODS if "MIOSR" not in name] == available[:5]
    for title, found in swept.items():
        numbers = summary.aggregate(found)
        assert numbers["seeds"] == 2 and numbers["diverged"] == 0
        assert numbers["recovery_count"] <= numbers["equivalent_count"] <= 2
        assert (found.compile, found.run > 0, found.truth.names) == (0.0, True, names)
        assert np.isfinite(numbers["median"]["val_mse_argmax"])
        if "ridge" in title:
            # Told the sparsity and with little noise it finds the truth, or what ties with it.
            assert numbers["equivalent_count"] == 2


def test_without_pysindy_a_sweep_says_so_once(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pysindy", None)
    assert list(references.sweep(EXPERIMENT, like(paper_terms(("x", "v"))), 2)) == []
    said = capsys.readouterr().out
    assert said.startswith("without PySINDy's optimizers: ") and said.count("\n") == 1


@needs_pysindy
def test_a_missing_solver_leaves_the_others_and_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gurobipy", None)
    swept = dict(references.sweep(EXPERIMENT, like(paper_terms(("x", "v"))), 2))
    assert swept.keys() == {name for name in references.METHODS if "MIOSR" not in name}
    assert capsys.readouterr().out.count("without PySINDy MIOSR") == 2


def test_no_seeds_for_pysindy_are_none():
    assert list(references.sweep(EXPERIMENT, like(paper_terms(("x", "v"))), 0)) == []
