import json
import typing

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import summary_file
from nsindy.runtime import files


class Pair(typing.NamedTuple):
    first: object
    second: object


@pytest.fixture
def summary():
    return {name: None for name in summary_file.REQUIRED} | {
        "experiment": "ẋ over τ",
        "true_coefficients": np.eye(2),
        "aggregate": {"rate": np.float64(0.25), "count": np.int64(3), "all": np.bool_(True)},
        "collinearity": Pair(jnp.array([1.5, np.nan]), (np.inf, "words", -np.inf)),
        "outside_domain": float("nan"),
        "runs": [{"seed": 0, "right": False}],
    }


def test_a_summary_comes_back_with_null_for_what_is_not_finite(tmp_path, summary):
    path = tmp_path / "summary.json"
    summary_file.write_summary(path, summary)
    assert summary_file.read_summary(path) == summary | {
        "true_coefficients": [[1.0, 0.0], [0.0, 1.0]],
        "aggregate": {"rate": 0.25, "count": 3, "all": True},
        "collinearity": {"first": [1.5, None], "second": [None, "words", None]},
        "outside_domain": None,
    }
    # Strict JSON, which knows no NaN, with letters a person can read.
    text = path.read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert "ẋ over τ" in text
    assert [each.name for each in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize("name", summary_file.REQUIRED)
def test_a_missing_entry_is_named_in_writing_and_reading(tmp_path, summary, name):
    path = tmp_path / "summary.json"
    del summary[name]
    with pytest.raises(ValueError, match=f"is no summary: it lacks {name}$"):
        summary_file.write_summary(path, summary)
    assert list(tmp_path.iterdir()) == []
    files.write_json(path, summary)
    with pytest.raises(ValueError, match=f"is no summary: it lacks {name}$"):
        summary_file.read_summary(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "cannot read the summary"),
        (b"\xff\xfe\x00", "cannot read the summary"),
        (b"[1, 2]", "is no summary"),
        (b"{}", "it lacks experiment, command"),
    ],
)
def test_a_file_that_is_no_summary_is_refused(tmp_path, content, sentence):
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        summary_file.read_summary(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot read the summary"):
        summary_file.read_summary(tmp_path / "summary.json")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")

    def fail(temporary):
        assert temporary.suffix == ".png"
        temporary.write_text("half of the n")
        raise RuntimeError("no space left")

    with pytest.raises(RuntimeError, match="no space left"):
        files.write_whole(path, fail)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["figure.png"]
    files.write_whole(path, lambda temporary: temporary.write_text("new"))
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["figure.png"]


def test_what_is_no_json_leaves_the_old_file(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("old")
    with pytest.raises((TypeError, ValueError, RecursionError)):
        files.write_json(path, {"entry": object()})
    assert path.read_text() == "old"


def test_check_folder_makes_the_folder_and_leaves_it_empty(tmp_path):
    folder = files.check_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert files.check_folder(folder) == folder


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, below):
    # A path under a regular file: refused for every user, the superuser too.
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write to .*; give another --out"):
        files.check_folder(tmp_path / "file" / below)
