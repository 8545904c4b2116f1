"""No test sleeps; `tests/waiting.py` is the only module that may."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep"}
ALLOWED = {
    "waiting.py": {"eventually", "eventually_blocking", "pause", "pause_blocking"},
    # Their functions under test have to block the event loop.
    "examples/hard_graphs.py": {"sleep"},
    "node/test_hostile_nodes.py": {"test_blocks_the_event_loop"},
    "test_benchmarks.py": {"test_ticker_sees_who_holds_the_event_loop"},
}
"""The functions that sleep. Put a wait of a test into `tests/waiting.py`, not into this table."""


def sleeps_in(source: str) -> set[str]:
    """Return the functions of a module that wait for real time; "" for the module itself.

    A sleep of 0 does not count: it gives other tasks or threads a turn. A `.wait()` for less than a second does: on a
    busy machine it ends before the event that it waits for.
    """
    tree = ast.parse(source)
    names = _imported_names(tree)
    return {
        getattr(part, "name", "")
        for part in tree.body
        for node in ast.walk(part)
        if isinstance(node, ast.Call) and _is_sleep(node, names)
    }


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Each name that the module imports, with its full name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({each.asname or each.name: each.name for each in node.names})
        elif isinstance(node, ast.ImportFrom):
            names.update({each.asname or each.name: f"{node.module}.{each.name}" for each in node.names})
    return names


def _is_sleep(call: ast.Call, names: dict[str, str]) -> bool:
    first, _, rest = ast.unparse(call.func).partition(".")
    called = ".".join(filter(None, [names.get(first, first), rest]))
    limits = [each.value for each in call.keywords if each.arg == "timeout"] + call.args[:1]
    numbers = [each.value for each in limits if isinstance(each, ast.Constant)]
    if called in SLEEPS:
        return numbers != [0]
    if called == "threading.Event().wait":
        return True
    return called.endswith(".wait") and any(isinstance(each, float) and each < 1 for each in numbers)


def test_no_test_sleeps():
    """Only the functions of the table sleep, and each of them does."""
    paths = TESTS.rglob("*.py")
    found = {path.relative_to(TESTS).as_posix(): sleeps_in(path.read_text()) for path in paths}
    assert {module: functions for module, functions in found.items() if functions} == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import time; time.sleep(0.1)",
        "import time as clock; clock.sleep(1)",
        "from time import sleep; sleep(delay)",
        "from asyncio import sleep as nap; nap(1)",
        "import asyncio; asyncio.sleep(delay=1)",
        "import threading; threading.Event().wait(0.001)",
        "process.wait(timeout=0.2)",
    ],
)
def test_a_sleep_is_found(line):
    """However it is imported."""
    assert sleeps_in(f"{line}\ndef f():\n    {line}") == {"", "f"}


@pytest.mark.parametrize(
    "line",
    ["import asyncio; asyncio.sleep(0)", "import time; time.sleep(0)", "event.wait(10)", "call.wait()"],
)
def test_a_turn_of_the_loop_and_a_wait_for_an_event_are_allowed(line):
    """Both end when something has happened."""
    assert sleeps_in(line) == set()
