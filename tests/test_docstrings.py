"""The examples in the docstrings are run, and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import nsindy

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(nsindy.__path__, "nsindy.")
    if module.name != "nsindy.__main__"
]
EXAMPLES = [
    test for module in MODULES for test in doctest.DocTestFinder().find(module) if test.examples
]

SLOW = "learn_operation"
"""Trains a circuit, as tests of its module do."""


def test_there_are_examples():
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] * one.name.endswith(SLOW))
        for one in EXAMPLES
    ],
)
def test_an_example_prints_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed = runner.run(example, out=report.append).failed
    assert not failed, "".join(report)
