"""The scripts from end to end, each as a person runs it or several in one process to save time."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import jax
import kill
import numpy as np
import pytest
from support import killing

from nsindy.circuits.stacks import SHIPPED, load_stacks, save_stacks
from nsindy.paper import summary_file
from nsindy.paper.runs import RUNS
from nsindy.terms import term

FOLDER = Path(kill.__file__).parent
SHORT = ("--seeds", "2", "--seed0", "3", "--steps", "50", "--samples", "120")

DRIVER = """
import contextlib, io, json, runpy, sys, time
folder, jobs = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, folder)

report = []
for name, *options in jobs:
    sys.argv = [f"{folder}/{name}.py", *options]
    said, errors, code, begin = io.StringIO(), io.StringIO(), 0, time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as stop:
            # What the interpreter does with a SystemExit that nobody catches.
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
    report.append([code, said.getvalue(), errors.getvalue(), time.monotonic() - begin])
print(json.dumps(report))
"""


def run(environment, name, *options):
    return subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_all(environment, jobs):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(FOLDER), json.dumps(jobs)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def finished(environment, tmp_path_factory):
    """Run 1 with exact functions, and Run 5 with shipped circuits."""
    out = tmp_path_factory.mktemp("out")
    first, second = "exp0_stlsq", "exp4_conditional_entropy"
    plain, alone = run_all(
        environment,
        [
            [first, *SHORT[:4], "--library", "exact", "--out", str(out / first)],
            [second, *SHORT, "--out", str(out / "new" / second)],
        ],
    )
    said = {}
    for name, (code, printed, errors, _) in ((first, plain), (second, alone)):
        assert code == 0, errors
        said[name] = printed
    name, errors = second, alone[2]
    # Where no terminal is, the progress is a line a chunk.
    assert re.fullmatch(rf"{name}: chunk 1 of 1, 2 of 2 runs, .*\n", errors), errors
    places = {name: out / name for name in said} | {name: out / "new" / name}
    return {name: (places[name], stdout) for name, stdout in said.items()}


BOTH = ("exp0_stlsq", "exp4_conditional_entropy")
"""A run without training, and one of two slots."""


@pytest.mark.parametrize("name", BOTH)
def test_an_experiment_writes_its_summary_and_figure_and_nothing_else(finished, name):
    out, said = finished[name]
    assert sorted(each.name for each in out.iterdir()) == ["figure.png", "summary.json"]
    figure = (out / "figure.png").read_bytes()
    assert figure.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(figure) > 10_000
    assert str(out / "summary.json") in said
    assert "x' = " in said
    assert "v' = " in said


@pytest.mark.parametrize("name", BOTH)
def test_a_summary_keeps_the_contract(finished, name):
    summary = summary_file.read_summary(finished[name][0] / "summary.json")
    assert summary["experiment"] == name
    assert summary["command"].startswith(f"python experiments/{name}.py --seeds 2")
    assert {"python", "jax", "jaxlib", "numpy"} <= summary["versions"].keys()
    assert isinstance(summary["device"], str)
    assert summary["seconds"]["compile"] > 0
    assert summary["seconds"]["run"] > 0
    asked = {"seeds": 2, "seed0": 3, "noise": 1e-3, "stiffness": 1.0, "damping": 0.1, "x0": 1.0}
    asked |= {"v0": 0.0, "derivatives": "analytic"}
    if name != "exp0_stlsq":
        asked |= {"steps": 50, "gates": "sample"}
    assert asked.items() <= summary["config"].items()
    assert summary["terms"] == list(term.paper_terms())
    assert summary["true_coefficients"] == [[0, 1, *[0] * 6], [-1, -0.1, *[0] * 6]]
    assert summary["outside_domain"] == 0

    collinearity = summary["collinearity"]
    assert collinearity["rank"] == 7
    assert collinearity["condition"] > 1e3
    assert collinearity["relations"][0].startswith("add(x,v) = identity(x) + identity(v)")
    pairs = {frozenset((one, other)) for one, other, cosine in collinearity["near_duplicates"]}
    assert frozenset(("identity(x)", "sin(x)")) in pairs

    assert [row["seed"] for row in summary["runs"]] == [3, 4]
    correct = 0
    for row in summary["runs"]:
        assert row["val_mse_sampled"] >= 0
        assert row["val_mse_argmax"] >= 0
        assert [line[:5] for line in row["equations"]] == ["x' = ", "v' = "]
        coefficients = np.array(row["coefficients"])
        assert coefficients.shape == (2, 8)
        model = np.zeros((2, 8))
        for d, slots in enumerate(row["slots"]):
            for slot in slots:
                assert slot.keys() >= {"term", "activation", "coefficient", "variance_explained"}
                assert 0 < slot["activation"] <= 1
                assert slot["variance_explained"] <= 1 + 1e-9
                model[d, summary["terms"].index(slot["term"])] += slot["coefficient"]
        # The committed model is each slot's own coefficient, not scaled by its activation.
        np.testing.assert_allclose(model, coefficients, rtol=1e-9)
        size = np.abs(coefficients)
        found = (size > 0) & (size >= 0.01 * size.max(axis=1, keepdims=True))
        truth = np.array(summary["true_coefficients"]) != 0
        assert row["support_correct"] == bool((found == truth).all())
        correct += row["support_correct"]
    if RUNS[name].routing is not None:
        assert {len(slots) for row in summary["runs"] for slots in row["slots"]} == {
            RUNS[name].routing.slots
        }
    aggregate = summary["aggregate"]
    assert aggregate["recovery_rate"] == correct / 2
    low, high = aggregate["recovery_ci95"]
    assert 0 <= low <= aggregate["recovery_rate"] <= high <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUNS.keys() - set(BOTH)))
def test_every_other_run_writes_its_summary(environment, tmp_path, name):
    words = SHORT[:4] if RUNS[name].routing is None else SHORT
    done = run(environment, name, *words, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    summary = summary_file.read_summary(tmp_path / "summary.json")
    assert (summary["experiment"], len(summary["runs"])) == (name, 2)


def test_stlsq_finds_the_numbers_of_the_paper(finished):
    summary = summary_file.read_summary(finished["exp0_stlsq"][0] / "summary.json")
    for row in summary["runs"]:
        found = np.array(row["coefficients"])
        # The paper's three digits, and the scatter of the noise over one recording.
        np.testing.assert_allclose(found[0, [0, 1, 6]], [-0.333, 0.667, 0.332], atol=3e-3)
        np.testing.assert_allclose(found[1, [0, 1, 6]], [-0.632, 0.268, -0.368], atol=3e-3)
        assert np.count_nonzero(found) == 6


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_there_it_ends_alike(environment, tmp_path):
    short = ("--seeds", "2048", "--steps", "20", "--samples", "60", "--library", "exact")
    words = (kill.NAME, "--gates", "shared", *short, "--out")
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = (sys.executable, FOLDER / f"{kill.NAME}.py", *words[1:], out)
    with killing.begun(command, environment) as process:
        assert "chunk 1 of 4" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    said = r"interrupted: stopped after chunk [12] of 4 of exp4_\w+; --resume continues there\n"
    assert re.search(rf"^{said}\Z", errors, re.MULTILINE), errors
    assert not (out / "summary.json").exists()
    jobs = [[*words, str(out), "--resume"], [*words, str(whole)]]
    for code, _, stderr, _ in run_all(environment, jobs):
        assert code == 0, stderr
    assert kill.outcome(out) == kill.outcome(whole)


@pytest.fixture(scope="module")
def refused(environment, tmp_path_factory):
    """What the last experiment says to bad input, every case in one process."""
    place = tmp_path_factory.mktemp("bad")
    (place / "file").write_text("")
    (place / "words.safetensors").write_text("no circuits")
    (place / "truncated.safetensors").write_bytes(SHIPPED.read_bytes()[:-1000])
    stacks, _ = load_stacks()
    smaller = [
        dataclasses.replace(stack, params=jax.tree.map(lambda leaf: leaf[..., :-1], stack.params))
        for stack in stacks
    ]
    save_stacks(place / "mismatched.safetensors", tuple(smaller), {})
    unary = tuple(stack for stack in stacks if stack.primitives[0].arity == 1)
    save_stacks(place / "unary.safetensors", unary, {})
    out = ["--out", str(place / "out")]
    jobs = {
        name: ["exp4_conditional_entropy", *options, *([] if "--out" in options else out)]
        for name, (options, _) in bad_input(place).items()
    }
    reports = dict(zip(jobs, run_all(environment, list(jobs.values())), strict=True))
    return place, reports


def bad_input(place):
    return {
        "noise": (["--noise", "-1"], "--noise: must be at least 0"),
        "not a number": (["--x0", "nan"], "--x0: must be finite"),
        "temperature": (["--temperature-end", "0"], "--temperature-end: must be above 0"),
        "no seeds": (["--seeds", "0"], "--seeds: must be at least 1"),
        "words": (["--seeds", "many"], "--seeds: must be a whole number"),
        "unknown option": (["--sneeds", "3"], "--sneeds"),
        "slots": (["--slots", "9"], "--slots 9 is more than the library's 8 terms"),
        "too short": (
            ["--derivatives", "estimated", "--samples", "5"],
            "argument --samples: must be at least 10, not 5",
        ),
        "no library": (["--library", str(place / "none")], "cannot read the library"),
        "no safetensors": (
            ["--library", str(place / "words.safetensors")],
            "cannot read the library",
        ),
        "truncated": (
            ["--library", str(place / "truncated.safetensors")],
            "cannot read the library",
        ),
        "mismatched": (
            ["--library", str(place / "mismatched.safetensors")],
            "does not match what it declares",
        ),
        "no mul": (["--library", str(place / "unary.safetensors")], "no circuit has learned"),
        "out": (["--out", str(place / "file" / "below")], "cannot write to"),
        "out is a file": (["--out", str(place / "file")], "cannot write to"),
    }


@pytest.mark.parametrize("case", bad_input(Path()))
def test_bad_input_gets_one_sentence_before_any_training(refused, case):
    place, reports = refused
    code, _, stderr, seconds = reports[case]
    assert code not in (0, None)
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    assert bad_input(place)[case][1] in lines[0]
    # Compilation and 4,000 steps of 32 seeds take far longer than reading options and a file.
    assert seconds < 20
    assert not (place / "out" / "summary.json").exists()
    assert not (place / "out" / "figure.png").exists()


@pytest.mark.slow
def test_bad_input_by_itself(environment, refused):
    place, _ = refused
    for options in (["--noise", "-1"], ["--library", str(place / "mismatched.safetensors")]):
        done = run(environment, "exp3_topk_prior", *options, "--out", str(place / "out"))
        assert done.returncode != 0
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.strip().splitlines()) == 1
