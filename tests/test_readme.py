"""The pages: examples run, tables are those of the results, links lead somewhere."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "results/README.md", "CONTRIBUTING.md", "CHANGELOG.md")
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page, text in TEXTS.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]


def test_the_readme_is_read_in_one_sitting():
    assert len(TEXTS["README.md"].splitlines()) <= 170


def test_there_are_examples():
    assert TEXTS["README.md"].count("```python\n") >= 4


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "example.py"
    script.write_text(block, encoding="utf-8")
    runpy.run_path(str(script))


def tables(monkeypatch, *pages):
    """Run the command that writes the tables, on copies of the pages."""
    arguments = ["--results", str(ROOT / "results"), "--pages", *map(str, pages)]
    monkeypatch.setattr(sys, "argv", ["tables.py", *arguments])
    runpy.run_path(str(ROOT / "experiments" / "tables.py"), run_name="__main__")


def test_tables_are_those_of_the_results(tmp_path, monkeypatch):
    copies = {tmp_path / f"{n}.md": TEXTS[page] for n, page in enumerate(PAGES[:2])}
    for copy, text in copies.items():
        copy.write_text(text, encoding="utf-8")
    tables(monkeypatch, *copies)
    for copy, text in copies.items():
        assert copy.read_text(encoding="utf-8") == text


def test_a_table_that_was_changed_by_hand_is_written_again(tmp_path, monkeypatch):
    copies = [tmp_path / "0.md", tmp_path / "1.md"]
    for copy, page in zip(copies, PAGES, strict=False):
        copy.write_text(TEXTS[page].replace("| decay |", "| growth |"), encoding="utf-8")
    assert copies[0].read_text(encoding="utf-8") != TEXTS["README.md"]
    tables(monkeypatch, *copies)
    assert copies[0].read_text(encoding="utf-8") == TEXTS["README.md"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace(" few_rows ", " few_lines ").replace(
                "/few_rows", "/few_lines"
            ),
            "few_rows",
        ),
        (lambda text: text + "\n<!-- unknown -->\n<!-- /unknown -->\n", "unknown"),
    ],
    ids=["a table without a place", "a place without a table"],
)
def test_a_marker_that_is_wrong_is_named(change, message, tmp_path, monkeypatch):
    copies = [tmp_path / "0.md", tmp_path / "1.md"]
    for copy, page in zip(copies, PAGES, strict=False):
        copy.write_text(change(TEXTS[page]), encoding="utf-8")
    with pytest.raises(SystemExit, match=message):
        tables(monkeypatch, *copies)


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_and_link_is_there(page):
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\((?!https?:)([^)#]*)", TEXTS[page])
    targets += re.findall(r'src="(?!https?:)([^"]+)"', TEXTS[page])
    for target in targets:
        assert (folder / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_every_section_that_is_linked_is_there(page):
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", TEXTS[page]):
        target = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings]
        assert anchor in anchors, f"{file}#{anchor}"
