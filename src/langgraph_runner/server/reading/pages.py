"""`page_of_runs()`: one page of a list of runs as JSON, limited by the number of runs and by their size.

`SharedReads`: one read serves all equal requests that arrive at the same time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

from pydantic_core import to_json

from langgraph_runner.engine.reading.cursors import cursor_of, place_in_list, place_of
from langgraph_runner.server.problems import ApiCode, ApiError, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from datetime import datetime

    from langgraph_runner.engine import Run, RunEngine
    from langgraph_runner.server.models import RunFilter

__all__ = ["SharedReads", "page_of_runs"]

ResultT = TypeVar("ResultT")

_MAX_BYTES: Final = 4 * 1024 * 1024
"""A run includes its inputs, which may have 1 MiB; 200 such runs would block the event loop for seconds."""
_ROWS_PER_QUERY: Final = 21
"""One more than the default page, which then takes one query."""


async def page_of_runs(engine: RunEngine, tenant: str, asked: RunFilter) -> bytes:
    """Return the runs that match a filter, newest first, as the JSON of a `RunPage`.

    A page ends before `asked.limit` runs if the next one would make it longer than 4 MiB. It has at least one run if
    any matches.

    Raises:
        ApiError: The filter is invalid (422).
    """
    before: Run | tuple[datetime, str] | None = None if asked.cursor is None else _position(asked.cursor)
    items: list[bytes] = []
    size = 0
    while True:
        wanted = min(_ROWS_PER_QUERY, asked.limit + 1 - len(items))
        with checked():
            found = await engine.list_runs(
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
                limit=wanted,
                before=before,
            )
        for run in found:
            item = run.model_dump_json().encode()
            size += len(item)
            if len(items) == asked.limit or (items and size > _MAX_BYTES):
                return _page(items, before)
            items.append(item)
            before = run
        if len(found) < wanted:
            return _page(items, None)


def _page(items: list[bytes], last: Run | tuple[datetime, str] | None) -> bytes:
    place = place_in_list(last)
    next_cursor = None if place is None else cursor_of(*place)
    return b'{"items":[%b],"next_cursor":%b}' % (b",".join(items), to_json(next_cursor))


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
