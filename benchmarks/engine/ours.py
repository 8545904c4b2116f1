"""`RunEngine` as a contender."""

from __future__ import annotations

import contextlib
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from langgraph_runner.engine import MemoryTier, RunEngine
from langgraph_runner.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.engine.turns import Load, Opens, Run
    from langgraph_runner.engine import HotTier


def workflow(load: Load) -> Workflow:
    """Return the workflow of a load. Each step has a parameter for each of its dependencies."""
    flow = Workflow("bench.v1")
    for step, before in load.dag.before.items():
        function = _function(load, step, before)
        flow.step(function, id=step, cache="global" if load.is_cached else "none")
    return flow


def ours(
    *,
    in_memory: bool = False,
    store: str | None = None,
    is_hot: bool = True,
    reads_last: bool = False,
    cache: HotTier | None = None,
) -> Opens:
    """Return an opener of engines.

    Args:
        in_memory: Whether the database is in memory instead of on disk.
        store: The database; None for a new SQLite file.
        is_hot: Whether the hot tier keeps its content between runs; otherwise it is emptied before each run.
        reads_last: Whether the output of the last step is read at the end of each run.
        cache: The hot tier; None for the default one in the process.
    """

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        tier = MemoryTier() if cache is None else cache
        on_sqlite = "sqlite://" if in_memory else f"sqlite:///{folder / 'runs.db'}"
        engine = RunEngine(
            [workflow(load)],
            store=store or on_sqlite,
            cache=tier,
            artifacts=folder / "artifacts",
            max_active_runs=max(100, load.in_flight),
        )
        expected = "skipped" if load.is_cached else "completed"

        async def run(number: int) -> None:
            if not is_hot:
                await tier.clear()
            made = await engine.run("bench.v1")
            is_fill = load.is_cached and number < 0
            assert is_fill or made.steps == {expected: len(load.dag.before)}, made
            if reads_last:
                await engine.get_output(made.id, load.dag.last)

        async with engine:
            yield run

    return opened


def _function(load: Load, step: str, before: list[str]) -> Any:
    async def function(**received: Any) -> Any:
        return await load.work(step, received)

    parameters = [Parameter(each, Parameter.KEYWORD_ONLY) for each in before]
    described: Any = function
    described.__signature__ = Signature(parameters)
    return described
