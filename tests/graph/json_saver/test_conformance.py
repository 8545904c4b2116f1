"""LangGraph's own conformance suite for checkpointers: each case of it, with exact counts."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import BASE_CAPABILITIES, EXTENDED_CAPABILITIES

from langgraph_runner.graph import JsonFileSaver

BASE = {"put": 17, "put_writes": 10, "get_tuple": 10, "list": 16, "delete_thread": 5}
OPTIONAL = {"delete_for_runs": 7, "copy_thread": 8, "prune": 8}


@checkpointer_test(name="JsonFileSaver")
async def json_files() -> AsyncGenerator[Any, None]:
    """A saver on an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield JsonFileSaver(Path(folder) / "runs" / "audit.json")


@pytest.mark.req("G-4")
async def test_every_case_of_the_suite_passes(tell: Callable[[str], None]) -> None:
    """58 base cases and 23 optional ones, none failed, none skipped, and none blocks the event loop."""
    with blockbuster_ctx("langgraph_runner"):
        report = await validate(json_files)
    passed = {name: result.tests_passed for name, result in report.results.items()}
    assert {name: result.failures for name, result in report.results.items() if result.failures} == {}
    assert [name for name, result in report.results.items() if result.tests_skipped] == []
    assert passed == {**BASE, **OPTIONAL}
    assert (sum(BASE.values()), sum(OPTIONAL.values())) == (58, 23)
    assert report.conformance_level() == "FULL"
    tell(summary(passed))


def summary(passed: dict[str, int]) -> str:
    """The counts, in one line."""
    base = sum(passed[capability.value] for capability in BASE_CAPABILITIES)
    optional = sum(passed[capability.value] for capability in EXTENDED_CAPABILITIES)
    return f"JsonFileSaver: {base} of 58 base cases, {optional} of 23 optional ones"
