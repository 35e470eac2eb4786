"""Who may import whom, as CONTRIBUTING.md draws it; and a public name has one home."""

import ast
import collections
import re
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "nsindy"
MAY_IMPORT: dict[str, set[str]] = {
    "runtime": set(),
    "recording": set(),
    "evidence": set(),
    "terms": set(),
    "sweep": set(),
    "circuits": {"terms"},
    "routers": {"evidence"},
    "trajectories": {"terms", "evidence"},
    "result": {"terms", "circuits"},
    "discovery": {"recording", "terms", "evidence", "trajectories", "result"},
    "paper": {"terms", "circuits", "evidence", "trajectories", "routers", "sweep"},
    "report": {"result", "recording", "terms", "discovery"},
}
"""Besides `runtime`, which every package may import. Paper and discovery never meet."""
DISCOVERY = ("preparation", "supports", "numbers", "inputs", "answer", "laws", "maps")
"""Folders of `discovery`: each imports, beside itself and the constants, only those before it."""


def imported(path: Path) -> set[str]:
    """Modules of nsindy that a file imports anywhere, in functions and for type checks as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return {name for name in found if name.split(".")[0] == "nsindy"}


def test_the_table_names_every_package():
    packages = {path.parent.name for path in HOME.glob("*/__init__.py")}
    assert packages == MAY_IMPORT.keys()


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_what_it_may(package):
    allowed = MAY_IMPORT[package] | {package, "runtime"}
    wrong = [
        f"{path.relative_to(HOME)} imports {name}"
        for path in sorted((HOME / package).rglob("*.py"))
        for name in sorted(imported(path))
        if name.split(".")[1] not in allowed
    ]
    assert not wrong


def test_nothing_imports_in_a_circle():
    reached = {package: set(others) for package, others in MAY_IMPORT.items()}
    for _ in MAY_IMPORT:
        for others in reached.values():
            others |= {far for near in others for far in reached[near]}
    assert not [package for package, others in reached.items() if package in others]


@pytest.mark.parametrize("folder", DISCOVERY)
def test_a_folder_of_discovery_imports_only_those_before_it(folder):
    allowed = {*DISCOVERY[: DISCOVERY.index(folder) + 1], "constants"}
    wrong = [
        f"{path.relative_to(HOME)} imports {name}"
        for path in sorted((HOME / "discovery" / folder).glob("*.py"))
        for name in sorted(imported(path))
        if name.startswith("nsindy.discovery.") and name.split(".")[2] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ("", *DISCOVERY))
def test_a_docstring_lists_every_module_and_folder(folder):
    home = HOME / "discovery" / folder
    listed = re.findall(r"^  (\w+/?) +\S", (home / "__init__.py").read_text("utf-8"), re.MULTILINE)
    modules = {path.stem for path in home.glob("*.py")} - {"__init__"}
    folders = {f"{path.parent.name}/" for path in home.glob("*/__init__.py")}
    assert modules | folders <= {*listed}


def test_no_public_class_or_function_stands_in_two_modules():
    homes: dict[str, list[str]] = collections.defaultdict(list)
    for path in sorted(HOME.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_":
                homes[node.name].append(str(path.relative_to(HOME)))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}
