"""The table of docs/langgraph.md is complete, and each test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "langgraph.md"

# A bar inside a cell is written `\|`.
_ROW = re.compile(
    r"^\| (?P<number>\d+) \| (?P<fact>.+?) (?<!\\)\| (?P<answer>.+?) (?<!\\)\| (?P<tests>.+) \|$"
)
_TEST = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<name>\w+)`")


def rows() -> list[re.Match[str]]:
    """The rows of its tables that begin with a number."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [row for line in lines if (row := _ROW.match(line))]


@cache
def functions_in(file: Path) -> frozenset[str]:
    """The names of the test functions of a module, without importing it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_each_fact_has_its_row() -> None:
    """Each has one row, in order."""
    assert [int(row["number"]) for row in rows()] == list(range(1, 37))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["number"])
def test_each_test_that_a_row_names_exists(row: re.Match[str]) -> None:
    """Each row names at least one test, and the cell has only tests."""
    named = list(_TEST.finditer(row["tests"]))
    assert named
    assert row["tests"] == " ".join(test[0] for test in named)
    missing = [test[0] for test in named if not _exists(test)]
    assert missing == []


def _exists(test: re.Match[str]) -> bool:
    file = TESTS / test["file"]
    return test["name"].startswith("test_") and file.is_file() and test["name"] in functions_in(file)
