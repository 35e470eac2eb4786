"""Every option of a recording reaches the recording, in each script that takes it."""

import argparse
import dataclasses
import sys

import commitment
import driven
import field
import hidden
import pytest
import rational
from support import command_line, phase_sweep, written
from support.experiment import HOW, Experiment

from nsindy.paper import one_seed
from nsindy.paper.runs import RUNS

WORDS = ["--samples", "77", "--derivatives", "estimated", "--train-fraction", "0.5"]


class Recorded(Exception):
    """What a script gave to `one_seed.record_system`."""


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    def record(*arguments, **keywords):
        raise Recorded(keywords)

    monkeypatch.setattr(one_seed, "record_system", record)
    options = command_line.parser(None, str(tmp_path))
    options.set_defaults(library="exact", gates="shared", steps=2)
    return Experiment.of(options.parse_args(WORDS))


def test_commitment(experiment, monkeypatch, tmp_path):
    monkeypatch.setattr(Experiment, "begin", lambda experiment: tmp_path)
    with pytest.raises(Recorded) as recorded:
        commitment.execute(commitment.Study(experiment, few=2), ["sine"])
    assert recorded.value.args[0] == {"samples": 77, "estimate": True, "train_fraction": 0.5}


def test_phase_diagram(experiment, exact):
    axes = phase_sweep.Axes([1.0], [0.1], [0.01])
    grid = phase_sweep.measurements(axes, experiment)
    with pytest.raises(Recorded) as recorded:
        phase_sweep.every_cell(phase_sweep.METHODS[0], grid, exact, experiment, axes)
    assert recorded.value.args[0] == {"samples": 77, "estimate": True, "train_fraction": 0.5}


def test_the_command_line_and_the_experiment_have_the_same_defaults():
    options = command_line.parser(None, "somewhere").parse_args([])
    assert Experiment.of(options) == Experiment("somewhere")


def test_every_option_of_a_router_reaches_its_run(monkeypatch):
    run = RUNS["exp4_conditional_entropy"]
    options = command_line.parser(None, "somewhere")
    command_line.add_router_options(options, run)
    unchanged = Experiment.of(options.parse_args([])).configure(run)
    assert (unchanged.routing, unchanged.knobs) == (run.routing, run.knobs)
    words = ["--steps", "7", "--slots", "3", "--gates", "shared"]
    values = {name: 0.25 + 0.1 * i for i, name in enumerate(run.knobs._fields)}
    for name, value in values.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    experiment = Experiment.of(options.parse_args(words))
    changed = experiment.configure(run)
    assert changed.knobs._asdict() == pytest.approx(values)
    expected = dataclasses.replace(run.routing, steps=7, slots=3, shared=True)
    assert changed.routing == expected
    assert experiment.config.items() >= (values | {"steps": 7, "gates": "shared"}).items()


def test_a_summary_says_which_command_made_it(monkeypatch):
    words = ["--seeds", "3", "--resume", "--out", "a folder"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/experiments/commitment.py", *words])
    assert written.command() == "python experiments/commitment.py --seeds 3 --out 'a folder'"


def test_how_a_sweep_runs_is_no_part_of_what_is_swept():
    words = {"resume": True, "quiet": True, "memory_gb": 1.0, "devices": 2}
    other = Experiment("elsewhere", **words, process=1, processes=2, coordinator="host:1")
    assert other.config == Experiment("somewhere").config
    assert not set(HOW) & other.config.keys()
    assert Experiment.of(argparse.Namespace(out="x", seeds=3, unknown=1)).config["seeds"] == 3


@pytest.mark.parametrize("script", (driven, field, hidden, rational))
def test_a_word_that_is_in_no_name_is_told_before_anything_runs(
    script, monkeypatch, tmp_path, capsys
):
    option = "--kinds" if script is field else "--systems"
    monkeypatch.setattr(sys, "argv", ["script.py", option, "nothing", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 1
    assert "no name holds nothing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
