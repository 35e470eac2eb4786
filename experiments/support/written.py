"""What a script leaves behind: a summary that says how it was made, and a figure of its rates."""

import importlib.metadata
import json
import platform
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nsindy.runtime import files
from nsindy.sweep import machines


def command() -> str:
    """The command line that made this, as it can be typed again; going on changes no result."""
    script = Path(sys.argv[0])
    words = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["python", f"{script.parent.name}/{script.name}", *words])


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on."""
    packages = ("nsindy", "jax", "jaxlib", "flax", "optax", "diffrax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def origin() -> dict[str, Any]:
    """Which script made a summary, by which command, with which versions."""
    return {
        "experiment": Path(sys.argv[0]).stem,
        "command": command(),
        "versions": versions(),
    }


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns, from its file where it was finished before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, make())
    return json.loads(path.read_text(encoding="utf-8"))


def write_rows(
    out: Path,
    rows: list[dict[str, Any]],
    *,
    labels: list[str],
    title: str,
    drawn: list[dict[str, Any]] | None = None,
    what: dict[str, str] | None = None,
    **more: Any,
) -> None:
    """Write a study: its rows to OUT/summary.json, their recovery rates to OUT/figure.png.

    Args:
      out: the folder.
      rows: the rows of the study.
      labels: what the figure calls each drawn row.
      title: of the figure.
      drawn: the rows in the figure; None for all.
      what: further knobs of `figures.rates_figure`.
      **more: further entries of the summary.
    """
    if not machines.leader():
        return
    from nsindy.paper import figures

    files.write_json(out / "summary.json", origin() | more | {"rows": rows})
    figure = figures.rates_figure(
        labels, rows if drawn is None else drawn, title=title, **(what or {})
    )
    figures.save_figure(figure, out / "figure.png")
    print(f"wrote {out / 'summary.json'} and {out / 'figure.png'}")
