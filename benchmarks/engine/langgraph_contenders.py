"""LangGraph as a contender: a `StateGraph` with and without a checkpointer, and the functional API."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy
from typing_extensions import TypedDict

from benchmarks.engine.dag import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.engine.turns import Load, Opens, Run

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


def graph(durability: str | None) -> Opens:
    """Return an opener of compiled graphs; with `durability` they store checkpoints in SQLite, `synchronous` FULL."""

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        cache: Any = SqliteCache(path=str(folder / "cache.db")) if load.is_cached else None
        async with contextlib.AsyncExitStack() as stack:
            saver = None
            if durability is not None:
                path = str(folder / "checkpoints.db")
                saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
                await saver.setup()
                await saver.conn.execute("PRAGMA synchronous=FULL")
            compiled: Any = state_graph(load).compile(checkpointer=saver, cache=cache)
            options: dict[str, Any] = {} if durability is None else {"durability": durability}

            async def run(number: int) -> None:
                config = {"configurable": {"thread_id": str(number)}, "recursion_limit": _STEPS_LIMIT}
                inputs = {"number": 0 if load.is_cached else number}
                found = await compiled.ainvoke(inputs, config, **options)
                assert len(found) == 1 + len(load.dag.before)

            yield run

    return opened


@contextlib.asynccontextmanager
async def functional(load: Load, _folder: Path) -> AsyncIterator[Run]:
    """The functional API: a task for each step, started when its dependencies have ended. Nothing is stored."""
    step = task(load.work)

    @entrypoint()
    async def flow(_number: int) -> int:
        await walk(load.dag, step)
        return len(load.dag.before)

    async def run(number: int) -> None:
        assert await flow.ainvoke(number) == len(load.dag.before)

    yield run


def _node(load: Load, step: str) -> Any:
    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {f"out_{step}": await load.work(step, state)}

    return node
