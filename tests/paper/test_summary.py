"""What a summary says of seeds that diverged: a row each, and nothing in any aggregate."""

import json

import ablation
import commitment
import numpy as np
import pytest
from support import one_run
from support.experiment import Experiment

from nsindy.circuits.snap import Snap
from nsindy.paper import figures, metrics, summary, summary_file
from nsindy.paper.outcomes import Outcome
from nsindy.paper.runs import RUNS
from nsindy.runtime import files
from nsindy.terms import collinearity

NAMES, STATES = ("x", "v", "x + v"), ("x", "v")
TRUTH = np.array([[0.0, 1.0, 0.0], [-1.0, -0.1, 0.0]])
BOUND = np.where(TRUTH != 0, 0.01, 0.0)
WAYS = ("nan coefficient", "infinite coefficient", "nan error")


def outcome_of(models, errors):
    """The runs whose committed models and validation errors are given."""
    models, errors = np.array(models), np.array(errors, float)
    order = np.argsort(models == 0, axis=2, kind="stable")[:, :, :2]
    held = np.take_along_axis(models, order, axis=2)
    terms = np.where(held != 0, order, -1)
    size = np.abs(held)
    return Outcome(
        coefficients=models,
        slots=metrics.SlotReading(
            terms, 0.5 * size, held, 0.4 * size, size, size, size[..., None] * np.ones(3)
        ),
        probabilities=np.abs(models)[:, :, None, :] * np.ones((2, 1)),
        frequencies=np.abs(models),
        support_correct=np.all((models != 0) == (TRUTH != 0), axis=(1, 2)),
        validation_argmax=errors,
        validation_sampled=10 * errors,
        outside=np.zeros(len(models)),
        loss=np.ones((len(models), 2, 5)),
        judgement=None,
    )


def swept_of(outcome):
    truth = summary.Truth(
        coefficients=TRUTH,
        names=NAMES,
        states=STATES,
        collinear=collinearity.Collinearity(2, 1e3, [], []),
        equivalent=[[], [[0, 2], [1, 2]]],
        bound=BOUND,
        snapped=Snap(np.arange(3), np.zeros(3), np.zeros(3)),
    )
    return summary.Swept(outcome, truth, relative=0.0, compile=0.0, run=1.0)


def good(damping, error=1e-4):
    """A model with the true support, and its validation error."""
    return [[0.0, 1.0, 0.0], [-1.0, damping, 0.0]], error


TIED = [[0.0, 1.0, 0.0], [-0.9, 0.0, -0.1]], 1e-4
FALSE = [[0.5, 1.0, 0.0], [-1.0, -0.1, 0.0]], 3e-4


def lost(way):
    """A run with the true support that came to nothing."""
    model = np.array(good(-0.1)[0])
    if way != "nan error":
        model[1, 1] = np.nan if way == "nan coefficient" else np.inf
    return model, np.nan


FINISHED = [good(-0.08), good(-0.11), TIED, FALSE]


@pytest.fixture
def swept():
    """Seven runs of which the second, the third and the last diverged, each in its way."""
    runs = [FINISHED[0], lost(WAYS[0]), lost(WAYS[1]), *FINISHED[1:], lost(WAYS[2])]
    return swept_of(outcome_of(*zip(*runs, strict=True)))


def test_aggregates_are_those_of_the_finished_seeds_over_all_seeds(swept):
    numbers = summary.aggregate(swept)
    assert numbers["diverged"] == 3
    assert (numbers["recovery_count"], numbers["seeds"]) == (2, 7)
    assert numbers["recovery_ci95"] == metrics.rate_interval(2, 7)
    assert numbers["equivalent_count"] == 3
    assert numbers["false_terms"] == 2
    assert numbers["median"] == pytest.approx({"val_mse_argmax": 1e-4, "val_mse_sampled": 1e-3})
    damping = np.array([-0.08, -0.11, 0.0, -0.1]) + 0.1
    assert numbers["rmse_over_cramer_rao"] == pytest.approx(
        {
            "x' v": 0.0,
            "v' x": 0.1 / 2 / 0.01,
            "v' v": np.sqrt(np.mean(damping**2)) / 0.01,
        }
    )
    alone = summary.aggregate(swept_of(outcome_of(*zip(*FINISHED, strict=True))))
    assert files.to_json(numbers["slots"]) == files.to_json(alone["slots"])
    # Terms count in whichever slot they are, with how often they are drawn.
    damping = numbers["terms"][1][1]
    assert damping["term"] == "v" and damping["seeds"] == 3
    np.testing.assert_allclose(damping["coefficient"][1], -0.1)
    np.testing.assert_allclose(damping["frequency"][1], 0.1)
    # The slots' quantiles are over the seeds that hold their most frequent term.
    second = numbers["slots"][1][1]
    assert second["chosen"] == {"v": 3, "x + v": 1}
    np.testing.assert_allclose(second["coefficient"][1], -0.1)


def test_a_diverged_seed_is_one_marked_row(swept):
    rows = summary.rows(swept, seed0=40)
    assert [row["seed"] for row in rows] == list(range(40, 47))
    assert [row["diverged"] for row in rows] == [False, True, True, False, False, False, True]
    assert not any(row["support_correct"] for row in rows if row["diverged"])
    written = files.to_json(rows)
    json.dumps(written, allow_nan=False)
    assert written[1]["coefficients"][1] == [-1.0, None, 0.0]
    assert written[6]["val_mse_argmax"] is None


def test_a_diverged_seed_beyond_those_shown_has_its_row(swept, monkeypatch):
    monkeypatch.setattr(summary, "SHOWN", 2)
    short = swept.outcome._replace(
        probabilities=swept.outcome.probabilities[:2], loss=swept.outcome.loss[:2]
    )
    swept = swept._replace(outcome=short)
    assert [row["seed"] for row in summary.rows(swept, 0)] == [0, 1, 2, 6]
    kept = summary.finished(swept.outcome)
    assert len(kept.coefficients) == 4
    np.testing.assert_array_equal(kept.loss, short.loss[:1])


def test_the_studies_take_nothing_of_a_diverged_seed_but_its_failure(swept):
    faults = ("v' without v (1)", "x' false x (1)", "v' false x + v (1)")
    assert ablation.wrong(swept) == "; ".join(faults)
    row = {"case": "none", "library": "exact", **commitment.judge(swept.outcome)}
    assert (row["recovery_count"], row["seeds"], row["diverged"]) == (2, 7, 3)
    assert row["damping_chosen"] == 3
    assert row["damping"][1] == pytest.approx(-0.1)
    # One more has v' right and x' wrong.
    assert row["exact"]["v'"]["recovery_count"] == 3
    assert row["val_mse_argmax"] == pytest.approx(1e-4)
    commitment.line(row)


@pytest.mark.parametrize("way", WAYS)
def test_the_table_shows_a_finished_seed_where_most_diverged(capsys, way):
    runs = [lost(way), lost(way), good(-0.093), lost(way)]
    swept = swept_of(outcome_of(*zip(*runs, strict=True)))
    summary.print_table(RUNS["exp8_evidence_router"], swept, summary.aggregate(swept))
    said = capsys.readouterr().out
    assert said.startswith("x' = 1.000 v\nv' = -1.000 x - 0.093 v\n")
    assert "exact in 1 of 4 seeds" in said
    assert "diverged: 3 seeds, marked in the summary" in said
    assert "nan" not in said and "inf" not in said


def test_where_all_diverged_nothing_is_averaged_and_all_are_failures(capsys):
    runs = [lost(way) for way in WAYS]
    swept = swept_of(outcome_of(*zip(*runs, strict=True)))
    numbers = summary.aggregate(swept)
    assert (numbers["diverged"], numbers["recovery_count"], numbers["seeds"]) == (3, 0, 3)
    assert numbers["equivalent_count"] == numbers["false_terms"] == 0
    assert numbers["slots"] == [[], []]
    assert np.isnan(list(numbers["median"].values())).all()
    assert np.isnan(list(numbers["rmse_over_cramer_rao"].values())).all()
    summary.print_table(RUNS["exp0_stlsq"], swept, numbers)
    said = capsys.readouterr().out
    assert said.startswith("Run 1: STLSQ: both equations exact in 0 of 3 seeds")


@pytest.mark.parametrize("finished", [FINISHED[:2], []])
def test_the_files_of_a_run_hold_every_seed_and_draw_the_finished_ones(
    tmp_path, monkeypatch, finished
):
    drawn = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, path: drawn.append(figure))
    runs = [lost(WAYS[0]), *finished]
    swept = swept_of(outcome_of(*zip(*runs, strict=True)))
    swept.outcome.outside[0] = 1.0
    run = RUNS["exp4_conditional_entropy"]
    experiment = Experiment(str(tmp_path), seeds=len(runs), seed0=5, noise=0.01)
    numbers = summary.aggregate(swept)
    one_run.write(run, swept, numbers, experiment, tmp_path)
    written = summary_file.read_summary(tmp_path / "summary.json")
    assert [row["diverged"] for row in written["runs"]] == [True] + [False] * len(finished)
    assert written["runs"][0]["seed"] == 5
    assert written["aggregate"] == files.to_json(numbers)
    assert written["outside_domain"] == (0.0 if finished else None)
    (figure,) = drawn
    (axis,) = (each for each in figure.axes if each.get_title() == "coefficients")
    dots = [line for line in axis.get_lines() if line.get_marker() == "."]
    assert len(dots) == len(finished)
    figure.savefig(tmp_path / "figure.png")
