"""`summary.json`: one schema, written and read here only."""

import json
import os
from pathlib import Path
from typing import Any

from nsindy.runtime import files

__all__ = ["REQUIRED", "read_summary", "write_summary"]

REQUIRED = (
    "experiment",
    "command",
    "versions",
    "device",
    "seconds",
    "config",
    "terms",
    "true_coefficients",
    "collinearity",
    "outside_domain",
    "runs",
    "aggregate",
)
"""The entries that every summary has."""


def write_summary(path: str | os.PathLike, summary: dict[str, Any]) -> None:
    """Write a summary after checking its schema.

    Raises:
      ValueError: an entry of `REQUIRED` is missing.
    """
    _check(summary, path)
    files.write_json(path, summary)


def read_summary(path: str | os.PathLike) -> dict[str, Any]:
    """Read a summary.

    Raises:
      ValueError: the file cannot be read, is no JSON, or lacks an entry of `REQUIRED`.
    """
    try:
        summary = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the summary {os.fspath(path)}: {error}") from error
    _check(summary, path)
    return summary


def _check(summary: Any, path: str | os.PathLike) -> None:
    missing = [name for name in REQUIRED if not isinstance(summary, dict) or name not in summary]
    if missing:
        raise ValueError(f"{os.fspath(path)} is no summary: it lacks {', '.join(missing)}")
