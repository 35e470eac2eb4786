"""Programs that were traced before are read, and nothing else than they is."""

import json
import os
import threading
from typing import Any

import jax
import numpy as np
import pytest

from nsindy.evidence import regression
from nsindy.runtime import programs, traced
from nsindy.runtime.programs import Program
from nsindy.terms import operations
from nsindy.terms.numbered_table import NUMBERED
from nsindy.terms.primitive import Primitive, times
from nsindy.terms.term import Term

FACTOR = np.triu(np.random.default_rng(0).standard_normal((4, 4)))
MASK = np.array([True, False, True])


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where programs are kept."""
    monkeypatch.delenv("NSINDY_CACHE", raising=False)
    monkeypatch.setattr(programs, "cache_folder", lambda: str(tmp_path))
    return tmp_path / traced.FOLDER


@pytest.fixture
def solve(monkeypatch):
    """Solve as a process that has solved nothing yet; returns what it found and how it began."""
    traces: list[str] = []
    trace = traced.trace

    def noting(*arguments):
        traces.append("traced")
        return trace(*arguments)

    monkeypatch.setattr(traced, "trace", noting)

    def fresh() -> tuple[Any, bool]:
        traces.clear()
        solution = Program(regression.least_squares)(FACTOR, MASK)
        return solution, bool(traces)

    return fresh


def same(a, b):
    assert type(a) is type(b) is regression.Solution
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_program_is_traced_once_for_a_machine(folder, solve):
    first, began = solve()
    assert began
    second, began = solve()
    assert not began
    same(first, second)
    np.testing.assert_allclose(
        first.coefficients[MASK], np.linalg.lstsq(FACTOR[:, [0, 2]], FACTOR[:, 3])[0], rtol=1e-12
    )
    (path,) = folder.iterdir()
    assert path.name.startswith("least_squares-")
    assert folder.stat().st_mode & 0o777 == 0o700


def _cut(content):
    return content[: len(content) // 2]


def _flipped(content):
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


def _checked(words, content):
    """A whole file whose result is another."""
    rest = json.dumps(words).encode() + b"\n" + content.split(b"\n", 2)[2]
    return traced.hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _flipped,
        lambda content: b"",
        lambda content: b"a\nb\nc",
        lambda content: _checked(["nsindy.evidence.regression:Gone", 0], content),
        lambda content: _checked(["nsindy.evidence.regression:Solution", 0], content),
        lambda content: _checked(["nsindy.terms.term:Term", 0, 0], content),
        lambda content: _checked(["subprocess:Popen", 0], content),
        lambda content: _checked(["builtins:exec", 0], content),
        lambda content: _checked(["nsindy.evidence.regression:Solution", 0, 0, 0, 0], content)[:-9],
    ],
)
def test_a_file_that_is_not_whole_or_not_ours_is_written_anew(folder, solve, damage):
    first, _ = solve()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    second, began = solve()
    assert began
    same(first, second)
    assert not solve()[1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_a_folder_that_others_may_write_to_is_not_read(folder, solve, monkeypatch):
    first, _ = solve()
    for mode in (0o770, 0o707):
        folder.chmod(mode)
        assert solve()[1]
    folder.chmod(0o700)
    assert not solve()[1]
    monkeypatch.setattr(traced.os, "getuid", lambda: os.stat(folder).st_uid + 1)
    second, began = solve()
    assert began
    same(first, second)


def test_a_link_is_not_followed(folder, solve, tmp_path):
    solve()
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert solve()[1]


def test_nothing_is_kept_where_that_is_forbidden_or_impossible(solve, monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "cache_folder", lambda: str(tmp_path))
    monkeypatch.setenv("NSINDY_CACHE", "off")
    assert solve()[1] and solve()[1]
    monkeypatch.delenv("NSINDY_CACHE")
    monkeypatch.setattr(programs, "cache_folder", lambda: None)
    assert solve()[1] and solve()[1]
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file"), "gs://bucket/programs"):
        monkeypatch.setattr(programs, "cache_folder", lambda place=place: place)
        assert solve()[1]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_written_is_computed(folder, solve, monkeypatch):
    def lacking(self):
        raise ImportError("Please install 'flatbuffers'")

    monkeypatch.setattr(jax.export.Exported, "serialize", lacking)
    assert solve()[1] and solve()[1]
    assert not list(folder.iterdir())


def test_many_writers_leave_whole_files(folder, solve):
    threads = [
        threading.Thread(target=Program(regression.least_squares), args=(FACTOR, MASK))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(folder.iterdir())) == 1
    assert not solve()[1]


def named(function=regression.least_squares, statics=None, **keywords) -> str | None:
    leaves, tree = jax.tree.flatten(keywords or {"factor": FACTOR, "mask": MASK})
    return traced.name_of(function, statics or {}, leaves, tree)


def test_whatever_makes_a_program_is_in_its_name(monkeypatch):
    terms = [Term(operations.get(name), (0,)) for name in ("sin", "cos", "identity", "saturation")]
    terms += [Term(times(w), (0,)) for w in (1.0, 1.0000000000000002)]
    names = [
        named(),
        named(regression.of_equation),
        named(factor=FACTOR[1:], mask=MASK),
        named(factor=FACTOR.astype(np.float32), mask=MASK),
        named(factor=(FACTOR,), mask=MASK),
        named(factor=[FACTOR], mask=MASK),
        named(factor=FACTOR, mask=None),
        *(named(statics={"width": width}) for width in (1, 2, "1", None, np.arange(3), (1,))),
        *(named(statics={"term": term}) for term in terms),
    ]
    with jax.enable_x64(False):
        names.append(named())
    assert named(mask=~MASK, factor=2 * FACTOR) == names[0]
    monkeypatch.setattr(traced, "_sources", lambda: "another version")
    names.append(named())
    assert None not in names and len(set(names)) == len(names)


def test_every_shipped_operation_has_words():
    """One without would have all programs traced again in every process, for seconds."""
    shipped = [*operations.PRIMITIVES.values(), *NUMBERED.values()]
    names = [named(statics={"operation": each}) for each in shipped]
    assert None not in names and len(set(names)) == len(names)


def test_what_has_no_words_has_no_name(folder):
    weights = np.ones(3)
    held = operations.numpy_function(Primitive("own", 1, abs, (0.0, 1.0), 1.0))
    bound = Primitive.__eq__.__get__(operations.get("sin"))
    for function in (lambda x: x, lambda x: weights * x, held, bound):
        primitive = Primitive("mine", 1, function, (0.0, 1.0), 1.0)
        assert named(statics={"primitive": primitive}) is None
    assert named(lambda factor, mask: factor) is None
    assert named(statics={"object": object()}) is None
    # It is computed nevertheless, and not kept.
    assert Program(lambda x: 2 * x)(1.0) == 2
    assert not folder.exists()
