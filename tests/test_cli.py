import io
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from nsindy import cli

T = np.arange(40) * 0.25
TABLE = "t,x,v\n" + "".join(f"{t},{np.cos(t):.6f},{-np.sin(t):.6f}\n" for t in T)


@pytest.fixture
def river(tmp_path):
    path = tmp_path / "river.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Stand-ins for the search and the report, which keep what the command asks of them."""
    kept = {}

    class Found:
        verdict = "equation"
        notes = ("read as held",)
        warnings = ("the forecast is poor",)

        def save(self, path):
            Path(path).write_text("{}")

        def __str__(self):
            return "x' = 1.000 v"

    def from_recordings(recordings, question, *, progress, **knobs):
        progress("search", 0.5)
        kept.update(knobs, **vars(question), recordings=recordings)
        if kept.get("raises"):
            raise kept["raises"]
        return Found()

    def write_report(folder, discovery, recordings, *, command):
        kept.update(command=command)
        (folder / "report.html").write_text("<html>")
        return folder / "report.html"

    search = types.SimpleNamespace(from_recordings=from_recordings)
    monkeypatch.setitem(sys.modules, "nsindy.discovery.pipeline", search)
    page = types.SimpleNamespace(write_report=write_report)
    monkeypatch.setitem(sys.modules, "nsindy.report.page", page)
    # The cache is the process's and stays as the other tests have it.
    monkeypatch.setattr(cli, "_start_jax", lambda: None)
    return kept


def test_what_is_printed_and_written(river, asked, capsys):
    river.write_text(TABLE + "10,0.5\n")
    assert cli.main(["discover", str(river)]) == 0
    said = capsys.readouterr()
    out = river.parent / "discovery"
    assert said.err == ""
    assert said.out.splitlines() == [
        f"note: {river}: dropped row 42: a value is missing or infinite",
        "x' = 1.000 v",
        "note: read as held",
        "warning: the forecast is poor",
        f"wrote {out / 'report.html'} and {out / 'discovery.json'}",
    ]
    assert sorted(each.name for each in out.iterdir()) == ["discovery.json", "report.html"]
    assert asked["command"] == f"nsindy discover {river}"
    defaults = {
        "order": 1,
        "operations": None,
        "max_terms": 6,
        "noise": None,
        "hold": None,
        "seconds": cli.PATIENCE,
    }
    assert {name: asked[name] for name in defaults} == defaults


def test_every_option_arrives(river, asked, tmp_path, capsys):
    rows = TABLE.splitlines()[1:]
    river.write_text("site,t,x,v\n" + "".join(f"{site},{row}\n" for site in "AB" for row in rows))
    words = ["discover", str(river), str(river), "--time", "t", "--states", "x", "--inputs", "v"]
    words += ["--by", "site", "--degree", "2"]
    words += ["--order", "2", "--operations", "sin", "mul", "--max-terms", "3", "--noise", "0.1"]
    assert cli.main([*words, "--seconds", "9", "--out", str(tmp_path / "a b")]) == 0
    assert asked["recordings"].states == ("x",)
    assert asked["recordings"].inputs == ("v",)
    assert len(asked["recordings"].parts) == 4
    names = ("order", "operations", "degree", "max_terms", "noise", "seconds")
    assert [asked[name] for name in names] == [2, ["sin", "mul"], 2, 3, [0.1], 9.0]
    out = tmp_path / "a b"
    written = f"wrote {out / 'report.html'} and {out / 'discovery.json'}"
    assert capsys.readouterr().out.splitlines()[-1] == written
    assert sorted(each.name for each in out.iterdir()) == ["discovery.json", "report.html"]
    assert asked["command"].endswith(f"--out '{tmp_path / 'a b'}'")


@pytest.mark.parametrize(
    ("words", "hold"), (([], None), (["--hold"], True), (["--hold", "no"], False))
)
def test_inputs_are_held_or_not(river, asked, words, hold):
    assert cli.main(["discover", str(river), "--states", "x", "--inputs", "v", *words]) == 0
    assert asked["hold"] is hold


@pytest.mark.parametrize(
    ("raises", "code", "said"),
    [
        (ValueError("two\nlines"), 2, "error: two lines"),
        (OSError("no space left"), 2, "error: no space left"),
        (KeyboardInterrupt(), 130, "error: interrupted; nothing was written"),
        (MemoryError("big"), 1, "error: internal error, MemoryError: big; NSINDY_TRACEBACK=1"),
    ],
)
def test_failures_are_one_line_and_leave_nothing(river, asked, capsys, raises, code, said):
    asked["raises"] = raises
    assert cli.main(["discover", str(river)]) == code
    error = capsys.readouterr().err
    assert error.startswith(said) and error.count("\n") == 1
    assert [each.name for each in river.parent.iterdir()] == ["river.csv"]


def test_standard_input_and_a_step(asked, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    lines = [line.split(",", 1)[1] for line in TABLE.splitlines()]
    content = "\n".join(lines).encode()
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    assert cli.main(["discover", "-", "--dt", "0.25"]) == 0
    np.testing.assert_array_equal(asked["recordings"].parts[0].times, T)
    said = capsys.readouterr().out
    assert "note: standard input: rows are 0.25 apart in time, as --dt says" in said
    assert (tmp_path / "discovery" / "report.html").exists()


def test_what_is_known_is_asked_as_it_was_written(river, asked):
    words = ["--know", "v' = ... - 9.81*sin(x)", "--law", "v' = -k*x", "--law", "v' = -k*x - c*v"]
    assert (
        cli.main(
            [
                "discover",
                str(river),
                *words,
                "--sign",
                "v in v' < 0",
                "--equal",
                "x in x' = x in v'",
            ]
        )
        == 0
    )
    assert asked["equal"] == ["x in x' = x in v'"]
    assert asked["know"] == ["v' = ... - 9.81*sin(x)"] and asked["sign"] == ["v in v' < 0"]
    assert asked["law"] == ["v' = -k*x", "v' = -k*x - c*v"] and asked["free"] == []


def test_a_folder_with_earlier_files_stays(river, asked):
    assert cli.main(["discover", str(river)]) == 0
    asked["raises"] = ValueError("no")
    assert cli.main(["discover", str(river)]) == 2
    assert len(list((river.parent / "discovery").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required"),
        (["discover"], "the following arguments are required: FILE"),
        (["discover", "none.csv"], "cannot read none.csv: No such file or directory"),
        (["discover", "RIVER", "--order", "3"], "invalid choice: 3"),
        (["discover", "RIVER", "--max-terms", "0"], "must be a whole number of at least 1, not 0"),
        (["discover", "RIVER", "--noise", "-1"], "must be a finite number of at least 0, not -1"),
        (["discover", "RIVER", "--noise", "nan"], "must be a finite number of at least 0, not nan"),
        (["discover", "RIVER", "--degree", "0"], "must be a whole number of at least 1, not 0"),
        (["discover", "RIVER", "--dt", "0"], "argument --dt: must be above 0"),
        (["discover", "RIVER", "--dt", "1", "--time", "t"], "give either a column of times"),
        (["discover", "RIVER", "--by", "z"], "has no column 'z'; its columns are t, x, v"),
        (["discover", "RIVER", "--seed", "1"], "unrecognized arguments: --seed 1"),
        (["discover", "RIVER", "--states", "z"], "has no column 'z'; its columns are t, x, v"),
        (["discover", "RIVER", "--out", "RIVER/deeper"], "give another --out"),
    ],
)
def test_wrong_words_are_one_line(river, asked, capsys, words, said):
    try:
        code = cli.main([word.replace("RIVER", str(river)) for word in words])
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert "recordings" not in asked


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=600, **more)


def test_help_is_quick_and_imports_no_jax():
    code = "import sys; from nsindy import cli\ntry: cli.main(['--help'])\n"
    code += (
        "except SystemExit: sys.exit(1 if 'jax' in sys.modules or 'numpy' in sys.modules else 0)"
    )
    seconds, said = [], ""
    for _ in range(3):
        begin = os.times()
        done = run(sys.executable, "-c", code)
        end = os.times()
        # Of the processor: on a busy machine the clock says little.
        seconds.append(sum(end[2:4]) - sum(begin[2:4]))
        assert done.returncode == 0, done.stderr
        said = done.stdout
    assert "nsindy discover swing.csv --order 2" in said
    assert min(seconds) < 0.3


TRAINING = {"diffrax", "equinox", "flax", "optax", "optimistix", "safetensors"}
"""Libraries that circuits, their training and a discovery's `simulate` need, and no search."""


def test_a_search_imports_neither_what_trains_nor_what_draws():
    code = "import nsindy, sys; nsindy.discover; nsindy.load; print(*sys.modules)"
    imported = {*run(sys.executable, "-c", code).stdout.split()}
    assert {
        "nsindy.discovery.supports.search",
        "nsindy.discovery.answer.conclusion",
        "scipy",
    } <= imported
    assert not imported & (TRAINING | {"sympy", "matplotlib", "PIL"})


def test_the_module_is_the_command():
    done = run(sys.executable, "-m", "nsindy", "discover", "none.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot read none.csv: No such file or directory\n"


def test_how_jax_is_set_up(tmp_path):
    code = "from nsindy import cli; cli._start_jax(); import jax, os, sys\n"
    code += "print(jax.config.jax_enable_x64)\n"
    code += "print(jax.config.jax_compilation_cache_dir)"
    clean = {k: v for k, v in os.environ.items() if k != "JAX_ENABLE_X64"}
    for name in ("JAX_COMPILATION_CACHE_DIR", "NSINDY_CACHE"):
        clean.pop(name, None)
    mine = clean | {"XDG_CACHE_HOME": str(tmp_path)}
    assert run(sys.executable, "-c", code, env=mine).stdout.split() == [
        "True",
        str(tmp_path / "nsindy"),
    ]
    theirs = mine | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    assert run(sys.executable, "-c", code, env=theirs).stdout.split()[-1] == str(tmp_path / "own")


@pytest.mark.slow
def test_the_example_of_the_help_runs(tmp_path):
    example = cli.EXAMPLE.split(":\n", 1)[1]
    for name, words in (("python", ""), ("nsindy", "-X importtime -m nsindy")):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (tmp_path / name).chmod(0o755)
    mine = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = run("sh", "-e", "-c", example, cwd=tmp_path, env=mine)
    assert done.returncode == 0, done.stderr
    assert re.search(r"x'' = -1\.00\d* x - 0\.1\d* x'", done.stdout), done.stdout
    imported = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert {"jax", "scipy", "sympy", "matplotlib"} <= imported
    assert not imported & TRAINING
    written = {each.name for each in (tmp_path / "discovery").iterdir()}
    assert {"discovery.json", "report.html"} <= written
    json.loads((tmp_path / "discovery" / "discovery.json").read_text())
