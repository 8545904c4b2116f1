"""Programs that only read runs, such as `langgraph-runner status`, do not import LangGraph, which takes a second."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from langgraph_runner import RunEngine, Workflow

if TYPE_CHECKING:
    from pathlib import Path

READ = """
import asyncio, json, sys
from datetime import timedelta
from langgraph_runner import (
    EngineError, NodeError, NodeErrorRecord, Run, RunEngine, RunNotFoundError, RunStatus, RunStep, WorkflowError
)

async def main(store, run_id):
    async with RunEngine(store=store) as engine:
        run = await engine.get_run(run_id)
        steps = await engine.get_run_steps(run_id)
        events = [event.type async for event in engine.events(run_id)]
        found = [each.id for each in await engine.list_runs(status="failed")]
        files = await engine.get_run_artifacts(run_id)
        waited = await engine.wait(run_id, timeout_ms=1000)
        cancelled = await engine.cancel(run_id)
        pruned = await engine.prune(older_than=timedelta(days=1))
        return [run.status, [step.error["message"] for step in steps], len(events) > 2, found == [run_id], files,
                waited.status, cancelled.status, pruned]

print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
print(sorted(name for name in sys.modules if name.partition(".")[0] in {"langgraph", "langchain_core", "langsmith"}))
"""


@pytest.mark.req("R-54")
async def test_reading_runs_imports_no_langgraph(tmp_path: Path) -> None:
    """Reading a failed run, its steps, events and files, cancelling and pruning work without it."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    shop = Workflow("shop.v1")

    @shop.step
    def price(inputs: dict[str, float]) -> float:
        raise ValueError("no price")

    async with RunEngine([shop], store=store) as engine:
        run = await engine.run("shop.v1", {})
    done = subprocess.run(  # noqa: S603, ASYNC221 - the code is ours, and nothing else is to run meanwhile
        [sys.executable, "-c", READ, store, run.id], stdout=subprocess.PIPE, text=True, check=True
    )
    answer, modules = done.stdout.splitlines()
    message = "Node 'price' failed: ValueError: no price"
    assert json.loads(answer) == ["failed", [message], True, True, {}, "failed", "failed", 0]
    assert modules == "[]"
