"""`page_of_runs()`, `page_of_steps()`: one page of a list as JSON, limited by the number of items and by their size.

`SharedReads`: one read serves all equal requests that arrive at the same time.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

from pydantic_core import to_json

from langgraph_runner.engine import RunNotFoundError, RunStep
from langgraph_runner.engine.reading.cursors import cursor_after, place_of
from langgraph_runner.engine.store import queries
from langgraph_runner.server.problems import ApiCode, ApiError, checked
from langgraph_runner.workflow.values.off_loop import MANY_ROWS, run_off_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
    from datetime import datetime

    from pydantic import BaseModel
    from sqlalchemy import Connection

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.store.records import StepRow
    from langgraph_runner.server.models import RunFilter

__all__ = ["SharedReads", "page_of_runs", "page_of_steps"]

ResultT = TypeVar("ResultT")

_MAX_BYTES: Final = 4 * 1024 * 1024
"""A failed step has its stack, and a run up to 32 tags: a page of them could be long."""


async def page_of_runs(engine: RunEngine, tenant: str, asked: RunFilter) -> bytes:
    """Return the runs that match a filter, newest first, as the JSON of a `RunPage`.

    Raises:
        ApiError: The filter is invalid (422).
    """
    before = None if asked.cursor is None else _position(asked.cursor)
    with checked():
        runs = await engine.list_runs(
            tenant=tenant,
            workflow=asked.workflow,
            status=asked.status,
            tags=asked.tags(),
            id_prefix=asked.id_prefix,
            base_run_id=asked.base_run_id,
            failed_step=asked.failed_step,
            error_contains=asked.error_contains,
            created_after=asked.created_after,
            created_before=asked.created_before,
            limit=asked.limit + 1,
            before=before,
        )
    page = partial(_page, runs, asked.limit, lambda last: cursor_after(runs[last]))
    return await run_off_loop(page) if len(runs) > MANY_ROWS else page()


async def page_of_steps(
    engine: RunEngine, tenant: str, run_id: str, *, status: Iterable[str] | None, after: int, limit: int
) -> bytes:
    """Return the steps of a run after a position in the workflow, as the JSON of a `StepPage`.

    Raises:
        RunNotFoundError: The tenant has no such run.
    """
    rows = await engine.store.read(_steps, tenant, run_id, statuses=status, after=after, limit=limit + 1)

    def page() -> bytes:
        steps = [RunStep.of(row) for _, row in rows]
        return _page(steps, limit, lambda last: str(rows[last][0]))

    return await run_off_loop(page) if len(rows) > MANY_ROWS else page()


def _steps(connection: Connection, tenant: str, run_id: str, **conditions: Any) -> list[tuple[int, StepRow]]:
    """Return the steps of a page with their positions. A query for `RunStore.read`."""
    if queries.status_of(connection, tenant, run_id) is None:
        raise RunNotFoundError(run_id=run_id)
    return queries.steps_page(connection, tenant, run_id, **conditions)


def _page(items: Sequence[BaseModel], limit: int, cursor_at: Callable[[int], str]) -> bytes:
    """Return up to `limit` items as a page of up to 4 MiB, with a cursor if there are more.

    The items are written one by one: one call for all would hold the interpreter's lock, and with it the event loop.
    """
    written: list[bytes] = []
    size = 0
    for item in items[:limit]:
        data = item.model_dump_json().encode()
        size += len(data)
        if written and size > _MAX_BYTES:
            break
        written.append(data)
    next_cursor = cursor_at(len(written) - 1) if len(written) < len(items) else None
    return b'{"items":[%b],"next_cursor":%b}' % (b",".join(written), to_json(next_cursor))


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        return place_of(cursor)
    except ValueError as error:
        problem = "query:cursor must be the `next_cursor` of the page before."
        raise ApiError(ApiCode.REQUEST_INVALID, problem) from error


class SharedReads:
    """Shares reads: requests that arrive while an equal read runs wait for one further read, and share its result.

    A shared read starts after every request that it serves, so each caller sees all that was committed before its
    request. Many browsers that watch the same page cost two reads at a time, not one each. Use it in one event loop.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """Return the result of a read that starts now, or as soon as an equal read that runs now has ended.

        Args:
            key: What is read, and for which tenant: reads with equal keys are equal.
            read: The read. It continues when a caller that waits for it is cancelled.
        """
        task: asyncio.Task[ResultT] | None = self._next.get(key)
        if task is None:
            lock = self._running.setdefault(key, asyncio.Lock())
            task = self._next[key] = asyncio.create_task(self._read_after(lock, key, read))
            task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(task)

    async def _read_after(
        self, lock: asyncio.Lock, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]
    ) -> ResultT:
        async with lock:
            # The read starts now and may miss later commits, so later callers need another one.
            del self._next[key]
            return await read()


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception; asyncio would log it if all callers were cancelled."""
    if not task.cancelled():
        task.exception()
