"""Type checkers know every public name, and refuse what does not exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import langgraph_runner.engine
import langgraph_runner.metrics.exporters

ROOT = Path(__file__).parent.parent
WRONG_USES = ROOT / "tests" / "wrong_uses.py"
TOOLS = Path(sys.executable).parent


def public_names() -> list[str]:
    """Return the names in `__all__`, including those that need an extra."""
    extras = (langgraph_runner.engine, langgraph_runner.metrics.exporters)
    return sorted({*langgraph_runner.__all__, *(name for each in extras for name in each.__all__)})


def wrong_lines() -> list[int]:
    """The lines with a comment that says what is wrong."""
    lines = WRONG_USES.read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if "# wrong: " in line]


def lines_refused_by_mypy() -> set[int]:
    """The lines for which mypy in strict mode reports an error."""
    done = subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, "-m", "mypy", "--strict", str(WRONG_USES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return {int(line) for line in re.findall(r"wrong_uses\.py:(\d+): error", done.stdout)}


def lines_refused_by_pyright() -> set[int]:
    """The lines for which pyright reports an error."""
    done = subprocess.run(  # noqa: S603 - our own tool
        [str(TOOLS / "pyright"), "--outputjson", str(WRONG_USES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {each["range"]["start"]["line"] + 1 for each in found if each["severity"] == "error"}


@pytest.mark.req("N-12")
@pytest.mark.parametrize("name", public_names())
def test_the_types_of_every_public_name_are_checked(name: str) -> None:
    """Each name is used in a file of `tests/typing`."""
    files = (ROOT / "tests" / "typing").glob("*.py")
    uses = sum(len(re.findall(rf"\b{name}\b", file.read_text())) for file in files)
    assert uses >= 2, f"{name} is imported at most in tests/typing; use it there"


@pytest.mark.req("N-12")
@pytest.mark.parametrize("refused_lines", [lines_refused_by_mypy, lines_refused_by_pyright])
def test_type_checkers_refuse_what_does_not_exist(refused_lines) -> None:
    """Misspelled names, methods and options are errors in their lines, and there is no other error."""
    assert sorted(refused_lines()) == wrong_lines()
