import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples():
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "example.py"
    script.write_text(block)
    runpy.run_path(str(script))


def test_tables_are_those_of_the_results(tmp_path, monkeypatch):
    copy = tmp_path / "README.md"
    copy.write_text(README, encoding="utf-8")
    arguments = ["tables.py", "--results", str(ROOT / "results"), "--readme", str(copy)]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(ROOT / "experiments" / "tables.py"), run_name="__main__")
    assert copy.read_text(encoding="utf-8") == README


def test_every_picture_and_link_is_there():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
