import dataclasses

import commitment
import numpy as np
import pytest
from support import commitment_circuits
from support.experiment import SYSTEM, Experiment, bind

from nsindy.circuits import stacks
from nsindy.circuits.recipes import RECIPES
from nsindy.terms import library, term


@pytest.fixture(scope="module")
def recipes():
    return {
        name: dataclasses.replace(recipe, hidden=(16,), epochs=300, learning_rate=1e-2)
        for name, recipe in RECIPES["paper"].items()
    }


@pytest.mark.parametrize("count", [1, 2, 256])
def test_every_seed_of_a_sweep_has_one_library(count, tmp_path):
    seeds = 7 + np.arange(count)
    found = commitment_circuits.libraries("paper", seeds, tmp_path)
    np.testing.assert_array_equal(np.concatenate(list(found.values())), seeds)
    assert len(found) == min(count, 3)
    assert next(iter(found)) == str(tmp_path / "circuits_0.safetensors")
    assert list(commitment_circuits.libraries("exact", seeds, tmp_path)) == ["exact"]


@pytest.mark.slow
def test_circuits_are_trained_once_and_are_a_library(recipes, tmp_path, capsys):
    rows = commitment_circuits.prepare(tmp_path, recipes, (0, 1))
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(0 < row[name] < 1 for row in rows for name in recipes)
    assert rows[0]["sin"] != rows[1]["sin"]
    assert capsys.readouterr().out.count("training") == 2
    assert commitment_circuits.prepare(tmp_path, recipes, (0, 1)) == rows
    assert capsys.readouterr().out == ""
    # What a row says is the error of the terms that the study sees.
    names = term.paper_terms(SYSTEM.states)
    states = np.random.default_rng(0).uniform(-3, 3, (4000, 2))
    file = str(commitment_circuits.path(tmp_path, 0))
    theta = np.asarray(library.evaluate(bind(names, file), states).theta)
    exact = np.asarray(library.evaluate(bind(names, "exact"), states).theta)
    error = np.sqrt(np.mean((theta - exact) ** 2, axis=0)) / np.std(exact, axis=0)
    sines = [names.index("sin(x)"), names.index("sin(v)")]
    assert error[sines].max() > 0 and np.ptp(error[sines]) < 0.3 * error[sines].max()
    seen = commitment.sin_error(file, Experiment("nowhere", samples=100))
    assert 0 < seen < 2 * np.abs(theta - exact)[:, sines].max()
    assert commitment.sin_error("exact", Experiment("nowhere", samples=100)) == 0
    assert stacks.load_stacks(file)[1] == {"recipe": "paper", "seed": 0}
