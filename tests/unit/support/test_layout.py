"""What is shared between folders of tests is in `tests.support`, and unit tests are pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"


def imported(file: Path) -> Iterator[str]:
    """Yield the modules of `tests` that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.partition(".")[0] == "tests")


@pytest.mark.parametrize("folder", ["unit", "integration", "e2e", "support"])
def test_a_folder_imports_support_and_itself_only(folder: str) -> None:
    for file in (TESTS / folder).rglob("*.py"):
        own = ".".join(file.relative_to(ROOT).parent.parts)
        for module in imported(file):
            assert module.startswith(("tests.support.", f"{own}.")) or module == "tests.support", (
                f"{file.relative_to(ROOT)} imports {module}"
            )


def test_the_simulation_imports_support_and_itself_only() -> None:
    for file in (TESTS / "simulation").rglob("*.py"):
        for module in imported(file):
            assert module.startswith(("tests.support", "tests.simulation")), f"{file.name} imports {module}"


def test_every_test_is_in_the_folder_of_a_tier() -> None:
    assert [file.name for file in TESTS.glob("test_*.py")] == []
    assert {file.relative_to(TESTS).parts[0] for file in TESTS.rglob("test_*.py")} == {
        "unit",
        "integration",
        "e2e",
        "simulation",
    }


@pytest.mark.parametrize("event", ["sqlite3.connect", "socket.bind", "socket.connect", "subprocess.Popen"])
def test_a_unit_test_that_is_not_pure_fails(event: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="move the test to tests/integration"):
        sys.audit(event)


def test_no_name_of_a_test_is_longer_than_70_characters() -> None:
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef)) and node.name.startswith("test_"):
                assert len(node.name) <= 70, f"{file.relative_to(ROOT)}: {node.name}"
