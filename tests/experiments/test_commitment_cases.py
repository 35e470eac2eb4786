import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import commitment_cases
from support.commitment_cases import Case
from support.experiment import Experiment

from nsindy.paper.runs import RUNS
from nsindy.terms import term

EXPERIMENT = Experiment("nowhere", steps=0, gates="sample")


def test_the_first_case_is_the_run_of_the_paper(paper):
    run, case = RUNS[commitment_cases.EXP4], commitment_cases.TABLE[0]
    assert case.shaped(EXPERIMENT).routing == run.routing
    assert case.setting(paper).knobs == run.knobs
    knobs = run.knobs
    assert (knobs.alpha, knobs.conditional_entropy, knobs.error_weight) == (1.5, 0.05, 0.5)
    assert run.routing is not None and run.routing.own_noise and run.routing.masks == "argmax"


def test_cases_that_shape_the_router_alike_share_a_compilation():
    shapes = [case.shaped(EXPERIMENT) for case in commitment_cases.TABLE]
    assert len(set(shapes)) == 6
    names = [case.label for case in commitment_cases.TABLE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("size", [0.0, 0.017])
def test_the_sin_terms_get_a_smooth_error_of_the_size(size):
    names = term.paper_terms()
    states = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    theta = np.random.default_rng(1).normal(size=(200, 8))
    columns = [names.index("sin(x)"), names.index("sin(v)")]
    theta[:, columns] = np.sin(states)
    found = commitment_cases.distort(jax.random.key(0), jnp.asarray(theta), names, size)
    error = np.asarray(found) - theta
    np.testing.assert_array_equal(np.delete(error, columns, axis=1), 0)
    assert np.sqrt(np.mean(error[:, columns] ** 2)) == pytest.approx(size, abs=1e-12)
    # One circuit: the error of both columns is one odd function of the input.
    order = np.argsort(np.abs(states).ravel())
    even = (np.sign(states) * error[:, columns]).ravel()[order]
    assert np.abs(np.diff(even)).max() <= 0.05 * size + 1e-12


def test_a_case_says_what_differs(paper):
    case = Case("loud", knobs={"alpha": 2.0}, noise=0.1)
    setting = case.setting(paper)
    assert setting.knobs.alpha == 2.0 and float(setting.measurement.noise) == 0.1
    assert case.described()["knobs"] == {"alpha": 2.0}
