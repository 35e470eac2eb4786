"""The phase diagram: a tiny grid through the script's functions, its readings by hand."""

import dataclasses
import json

import jax
import numpy as np
import phase_diagram as script
import pytest
from support import phase_findings as findings
from support import phase_report, phase_sweep
from support.experiment import Experiment

from nsindy.paper import metrics, one_seed
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.sweep.grid import Timed

AXES = phase_sweep.Axes(x0=[1.0], damping=[0.1, 0.3], noise=[1e-3, 1e-2])
EXPERIMENT = Experiment(
    "unused",
    # The process of the tests holds the programs of all before.
    memory_gb=64.0,
    seeds=3,
    seed0=5,
    samples=120,
    step=0.1,
    derivatives="estimated",
    library="exact",
    gates="shared",
    quiet=True,
)


@pytest.fixture
def experiment(tmp_path):
    """Three seeds, of two noises × two dampings × one amplitude."""
    return dataclasses.replace(EXPERIMENT, out=str(tmp_path))


def test_cells_follow_the_axes():
    grid = phase_sweep.measurements(AXES, EXPERIMENT)
    assert grid.noise.tolist() == [1e-3, 1e-2, 1e-3, 1e-2]
    assert AXES.shaped(np.asarray(grid.args[:, 1])).tolist() == [[[0.1, 0.1], [0.3, 0.3]]]


@pytest.mark.slow
def test_limits_scale_with_the_noise(exact):
    grid = phase_sweep.measurements(AXES, EXPERIMENT)
    bound, distance = jax.jit(lambda grid, bound: phase_sweep.limits(grid, bound, 120, 60))(
        grid, exact
    )
    bound, distance = (AXES.shaped(np.asarray(leaf))[0] for leaf in (bound, distance))
    np.testing.assert_allclose(bound[:, 1] / bound[:, 0], 10, rtol=1e-6)
    np.testing.assert_allclose(distance[:, 0] / distance[:, 1], 10, rtol=1e-3)


@pytest.mark.slow
def test_sweep_is_the_same_as_each_cell_by_itself(experiment, exact):
    grid = phase_sweep.measurements(AXES, EXPERIMENT)
    run = phase_sweep.METHODS[2]
    found = phase_sweep.every_cell(run, grid, exact, experiment, AXES).value
    assert found.correct.shape == (4, 3)
    measurement = jax.tree.map(lambda leaf: leaf[2], grid)

    @jax.jit
    def alone(key):
        data_key, select_key = jax.random.split(jax.random.fold_in(key, 2))
        data = one_seed.record_system(
            data_key, DAMPED_OSCILLATOR, exact, measurement, samples=120, estimate=True
        )
        return one_seed.outcome(select_key, data, exact, run.knobs, run).coefficients

    def folded(coefficients):
        # add(x,v) = identity(x) + identity(v): rounding decides which of the equal supports it is.
        given = np.asarray(coefficients)
        return given[:, :6] + given[:, 6:7] * (np.arange(6) < 2)

    one, other = folded(found.coefficients[2, 1]), folded(alone(jax.random.key(6)))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.slow
def test_run_9_brings_what_the_judge_says(exact):
    measurement = jax.tree.map(lambda leaf: leaf[0], phase_sweep.measurements(AXES, EXPERIMENT))

    def one(key):
        data = one_seed.record_system(
            key, DAMPED_OSCILLATOR, exact, measurement, samples=120, estimate=True
        )
        return phase_sweep.by_evidence(data, exact, phase_sweep.METHODS[3])

    found = jax.eval_shape(one, jax.random.key(0))
    assert found.correct.shape == ()
    assert {leaf.shape for leaf in found.judged[:-1]} == {found.coefficients.shape} == {(2, 8)}


def test_frontier_between_noises_and_beyond():
    noise = np.array([0.01, 0.1])
    at = findings.frontier(noise, np.array([1.0, 0.0]), 0.0316227766)
    assert at["frontier"] == pytest.approx(10**-1.5)
    assert at["within_2"] and at["frontier_is"] == "at"
    above = findings.frontier(noise, np.array([1.0, 0.9]), 0.15)
    assert above["frontier_is"] == "above" and above["within_2"] is None
    assert findings.frontier(noise, np.array([1.0, 0.9]), 0.01)["within_2"] is False
    below = findings.frontier(noise, np.array([0.4, 0.0]), 1.0)
    assert below["frontier_is"] == "below" and below["within_2"] is False


def test_reliability_by_hand():
    truth = np.array([[[1.0, 0.0]]])
    inclusion = np.array([[[[0.97, 0.3]]], [[[0.97, 0.3]]]])
    first, second = findings.reliability(inclusion, truth)["bins"]
    assert (first["predicted"], first["rate"], first["of"]) == (0.3, 0.0, 2)
    assert (second["rate"], second["of"]) == (1.0, 2)
    assert findings.reliability(inclusion, truth)["expected_error"] == pytest.approx(0.165)


def test_false_terms_beside_all_true_ones():
    truth = np.array([[[0.0, 1.0], [-1.0, -0.1]]])
    model = np.stack([truth, truth, truth])
    model[1, 0, 0, 0] = 0.5
    model[2, 0, 0] = [0.5, 0.0]
    found = findings.false_terms(model, truth, ("a", "b"))
    assert found["any"][:, 0].tolist() == [False, True, True]
    assert found["beside"][:, 0].tolist() == [False, True, False]
    assert found["which"] == {"x' a": 2}


def test_damping_in_the_other_equation():
    truth = np.array([[[0.0, 1.0], [-1.0, -0.1]]])
    models = np.stack([truth, truth, truth])
    models[2, 0] = [[-0.1, 1.0], [-1.0, 0.0]]
    swap = findings.swaps(models, np.array([[True], [True], [False]]), np.zeros(1))
    assert (swap["count"], swap["of"], swap["least_to_expect"]) == (1, 3, 1.5)


def test_ties_with_the_sum_are_one_model():
    names = ("identity(x)", "identity(v)", "add(x,v)")
    truth = np.array([[[0.0, 1.0, 0.0], [-1.0, -0.1, 0.0]]])
    models = np.stack([truth] * 4)
    models[1, 0, 1] = [-0.9, 0.0, -0.1]
    models[2, 0, 1] = [0.0, 0.9, -1.0]
    models[3, 0, 1] = [-0.5, 0.4, -0.5]
    found = metrics.equivalent(models, truth, findings.exact_ties(names))
    assert found[:, 0].tolist() == [True, True, True, False]


def findings_of(exact, spoil=None):
    """The summary of a grid whose models are true but for one without its damping."""
    grid = phase_sweep.measurements(AXES, EXPERIMENT)
    truth = np.asarray(phase_sweep.truths(grid, exact))
    model = np.broadcast_to(truth, (3, *truth.shape)).copy()
    model[0, 0, 1, 1] = 0.0
    errors = np.where(model != 0, 0.01, 0.0)
    judged = phase_sweep.Judged(
        errors, model, np.full(model.shape, 0.01), 0.9 * (model != 0), np.ones((3, 4), bool)
    )
    correct = np.all((model != 0) == (truth != 0)[None], axis=(2, 3))
    every = phase_sweep.Found(model, correct, judged)
    if spoil is not None:
        every = jax.tree.map(np.array, every)
        every.coefficients[spoil] = every.judged.inclusion[spoil] = np.nan
        every.judged.errors[spoil] = every.judged.estimates[spoil] = np.nan
        every.correct[spoil] = False
    every = jax.tree.map(lambda leaf: np.swapaxes(leaf, 0, 1), every)
    found = {
        run.name: Timed(
            every if run.method == "evidence" else every._replace(judged=None), 0.0, 0.0
        )
        for run in phase_sweep.METHODS
    }
    limits = phase_sweep.Limits(np.full(4, 0.01), np.full(4, 50.0))
    return findings.summarise(found, truth, limits, exact.names, AXES, EXPERIMENT)


def test_a_diverged_seed_is_a_failure_and_no_part_of_the_calibration(exact):
    whole = findings_of(exact)
    spoilt = findings_of(exact, spoil=(1, 2))
    name = phase_sweep.METHODS[-1].name
    assert (whole["diverged"], spoilt["diverged"]) == (0, 1)
    one, other = (content["cells"][2]["methods"][name] for content in (whole, spoilt))
    assert (one["count"], other["count"], other["of"]) == (3, 2, 3)
    assert other["with_false_term"] == 0
    # The true model has three terms, all of them inside their intervals.
    assert whole["coverage"]["chosen"]["of"] - spoilt["coverage"]["chosen"]["of"] == 3
    assert spoilt["coverage"]["chosen"]["rate"] == spoilt["coverage"]["settled"] == 1
    assert spoilt["cells"][2]["damping_error"] == pytest.approx(0.01)
    counts = [sum(b["of"] for b in each["reliability"]["bins"]) for each in (whole, spoilt)]
    assert counts[0] - counts[1] == 16
    assert np.isfinite(spoilt["reliability"]["expected_error"])


def test_summary_and_figures_of_any_grid(exact, tmp_path, capsys):
    content = findings_of(exact)
    script.write(content, tmp_path)
    phase_report.print_findings(content)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["cells"][0]["methods"]["best_subset"]["count"] == 2
    assert summary["false_terms_held_for_sure"]["count"] == 0
    assert summary["coverage"]["chosen"] == {"count": 35, "of": 35, "rate": 1.0} | {
        "ci95": summary["coverage"]["chosen"]["ci95"]
    }
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json",
        "figure.png",
        "calibration.png",
    }
    assert "false terms: 0 of 12" in capsys.readouterr().out


def test_values_out_of_order_are_one_sentence():
    with pytest.raises(ValueError, match="--noise must be positive and increasing"):
        script.execute(EXPERIMENT, AXES._replace(noise=[0.1, 0.01]))
