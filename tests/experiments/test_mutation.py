"""Short versions of the mutation check; `experiments/mutation.py` runs as many as asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import mutants

SCRIPT = Path(__file__).parents[2] / "experiments" / "mutation.py"


def check(tmp_path, modules, limit):
    """One mutant of each module is noticed by its tests, or its survival is explained."""
    # What is run of a broken copy is no coverage of the code.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "COVERAGE"))}
    words = [sys.executable, str(SCRIPT), "--count", "1", "--limit", limit, "--out", str(tmp_path)]
    words += ["--modules", *modules]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["modules"]) == set(modules)
    for counts in summary["modules"].values():
        assert sum(counts.values()) == 1


@pytest.mark.slow
def test_a_mutant_of_a_module_is_noticed_or_explained(tmp_path):
    check(tmp_path, ["routers/settings"], "120")


@pytest.mark.slow
def test_a_mutant_of_several_modules_is_noticed_or_explained(tmp_path):
    check(tmp_path, ["routers/gradients", "routers/stlsq", "paper/metrics"], "300")


def test_the_modules_are_the_mirror_of_their_tests():
    modules = mutants.modules()
    assert {"routers/gates", "paper/metrics"} <= set(modules)
    assert {module.split("/")[0] for module in modules} == {*mutants.PACKAGES, "paper"}
    for module in modules:
        package, name = module.split("/")
        assert (mutants.ROOT / "nsindy" / package / f"{name}.py").exists()
        assert (mutants.ROOT / "tests" / package / f"test_{name}.py").exists()


def test_every_explanation_has_its_reason_and_its_line():
    rows = json.loads((SCRIPT.parents[1] / "results/mutation/explained.json").read_text())
    for row in rows:
        source = (SCRIPT.parents[1] / row["file"]).read_text(encoding="utf-8")
        lines = " ".join(line.strip() for line in source.splitlines())
        assert row["old"] in lines, row
        assert row["old"] != row["new"] and len(row["why"]) > 20


@pytest.mark.parametrize("source", ["x: int | None = 1 + 2", "def f(a: int | None, *, b=3): ..."])
def test_only_code_that_runs_is_broken(source):
    spans = mutants.running_code(source)
    assert not any(begin <= (1, source.index("|")) < end for begin, end in spans)
    digit = source.index("3" if "3" in source else "2")
    assert any(begin <= (1, digit) < end for begin, end in spans)
