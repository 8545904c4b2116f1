"""LangGraph as a contender: a `StateGraph` and the functional API, both with a checkpointer.

Their durability is "sync", as that of the run engine: a step is stored before the next ones start.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy
from typing_extensions import TypedDict

from benchmarks.engine.dag import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from benchmarks.engine.turns import Load, Opens, Run

    OpensSaver = Callable[[Path], AbstractAsyncContextManager[BaseCheckpointSaver[Any]]]

_STEPS_LIMIT = 100_000
_typed_dict: Any = TypedDict
"""`TypedDict` as `Any`, for states whose fields are defined at run time."""


def state_graph(load: Load) -> StateGraph[Any]:
    """The DAG of a load, with a state field and a node for each step. A node reads the fields of its dependencies."""
    fields: dict[str, Any] = {
        "number": int,
        **dict.fromkeys((f"out_{step}" for step in load.dag.before), Any),
    }
    graph: Any = StateGraph(_typed_dict("State", fields, total=False))
    for step, before in load.dag.before.items():
        received = [f"out_{each}" for each in before] or ["number"]
        graph.add_node(
            step,
            _node(load, step),
            input_schema=_typed_dict(f"In_{step}", {each: fields[each] for each in received}, total=False),
            cache_policy=CachePolicy() if load.is_cached else None,
        )
    for step, before in load.dag.before.items():
        if len(before) > 1:
            graph.add_edge(before, step)  # The node waits for all of them.
        else:
            graph.add_edge(before[0] if before else START, step)
    return graph


@contextlib.asynccontextmanager
async def on_disk(folder: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """A checkpointer on SQLite with `synchronous` FULL."""
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as saver:
        await saver.setup()
        await saver.conn.execute("PRAGMA synchronous=FULL")
        yield saver


@contextlib.asynccontextmanager
async def in_memory(_folder: Path) -> AsyncIterator[InMemorySaver]:
    """A checkpointer that keeps everything in memory."""
    yield InMemorySaver()


def graph(saver_in: OpensSaver = on_disk) -> Opens:
    """Return an opener of compiled graphs."""

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        cache: Any = SqliteCache(path=str(folder / "cache.db")) if load.is_cached else None
        async with saver_in(folder) as saver:
            compiled: Any = state_graph(load).compile(checkpointer=saver, cache=cache)

            async def run(number: int) -> None:
                inputs = {"number": 0 if load.is_cached else number}
                result = await compiled.ainvoke(inputs, _thread(number), durability="sync")
                assert len(result) == 1 + len(load.dag.before)

            yield run

    return opened


def functional(saver_in: OpensSaver = on_disk) -> Opens:
    """Return an opener of the functional API: a task for each step, started when its dependencies have ended."""

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        step = task(load.work)
        async with saver_in(folder) as saver:

            @entrypoint(checkpointer=saver)
            async def flow(_number: int) -> int:
                await walk(load.dag, step)
                return len(load.dag.before)

            async def run(number: int) -> None:
                steps = await flow.ainvoke(number, _thread(number), durability="sync")
                assert steps == len(load.dag.before)

            yield run

    return opened


def _thread(number: int) -> Any:
    return {"configurable": {"thread_id": str(number)}, "recursion_limit": _STEPS_LIMIT}


def _node(load: Load, step: str) -> Any:
    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {f"out_{step}": await load.work(step, state)}

    return node
