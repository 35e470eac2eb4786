"""Write the tables of README.md and results/README.md from the summaries, between their markers."""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import discovery_tables, paper_tables

from nsindy.runtime import files

Summary = dict[str, Any]

TABLES: dict[str, tuple[str, Callable[[Summary], str]]] = {
    "ablation": ("ablation", paper_tables.ablation),
    "commitment": ("commitment", paper_tables.commitment),
    "noisy": ("recovery", paper_tables.noisy),
    "recovery": ("recovery", paper_tables.recovery),
    "phase": ("phase_diagram", paper_tables.phase),
    "phase1_grok": ("phase1_grok", paper_tables.phase1),
    "phase1_paper": ("phase1_paper", paper_tables.phase1),
    "few_rows": ("few_rows", discovery_tables.few_rows),
    "field": ("field", discovery_tables.field),
    "hidden": ("hidden", discovery_tables.hidden),
    "driven": ("driven", discovery_tables.driven),
    "driven_bends": ("driven_bends", discovery_tables.driven),
    "rational": ("rational", discovery_tables.rational),
    "negative_powers": ("negative_powers", discovery_tables.rational),
    "prior": ("prior", discovery_tables.prior),
    "constants": ("constants", discovery_tables.constants),
    "fitted_frequency": ("fitted_frequency", discovery_tables.fitted_frequency),
    "odebench_rates": ("odebench", discovery_tables.odebench_rates),
    "odebench": ("odebench", discovery_tables.odebench),
    "dysts": ("dysts", discovery_tables.dysts),
    "air_track": ("air_track", discovery_tables.air_track),
    "friction": ("friction", discovery_tables.friction),
    "fuzz": ("fuzz", discovery_tables.fuzz),
    "kill": ("kill", discovery_tables.kill),
    "speed": ("speed", paper_tables.speed),
    "speed_gpu": ("speed_gpu", paper_tables.speed),
}
"""Marker in a page -> folder of its summary, and what makes the table of it."""

BLOCKS: dict[str, tuple[str, Callable[[Summary], str]]] = {
    name: ("recordings", discovery_tables.recording(name))
    for name in ("van_der_pol", "hares_and_lynxes")
}
"""The same for blocks of code that begin with their own command."""

MARKED = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->", re.DOTALL)


def body(name: str, results: Path) -> str:
    """The table or block of that name, with the command that made its summary.

    Raises:
      ValueError: no table has that name.
    """
    if name not in BLOCKS | TABLES:
        raise ValueError(f"no table is called {name}; there are {', '.join(BLOCKS | TABLES)}")
    folder, write = (BLOCKS | TABLES)[name]
    summary = json.loads((results / folder / "summary.json").read_text(encoding="utf-8"))
    command = f"\n\nMade by `{summary['command']}`." if name in TABLES else ""
    return write(summary) + command


def main() -> None:
    """Replace what stands between the markers of each page; print which tables changed.

    Raises:
      SystemExit: a page marks a table that does not exist, or no page marks one that does.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--results", type=Path, default=Path("results"), help="the summaries")
    pages = [Path("README.md"), Path("results/README.md")]
    options.add_argument("--pages", type=Path, nargs="+", default=pages, help="the pages")
    arguments = options.parse_args()
    texts = {page: page.read_text(encoding="utf-8") for page in arguments.pages}
    marked = {match[1] for text in texts.values() for match in MARKED.finditer(text)}
    if missing := sorted((BLOCKS | TABLES).keys() - marked):
        raise SystemExit(f"error: no page has the marker <!-- {missing[0]} -->")

    def replaced(match: re.Match[str]) -> str:
        made = body(match[1], arguments.results) + "\n"
        print(f"{match[1]}: {'as before' if made == match[2] else 'changed'}")
        return f"<!-- {match[1]} -->\n{made}<!-- /{match[1]} -->"

    for page, text in texts.items():
        try:
            changed = MARKED.sub(replaced, text)
        except ValueError as error:
            raise SystemExit(f"error: {page}: {error}") from None
        if changed != text:
            _write(page, changed)


def _write(page: Path, text: str) -> None:
    files.write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
