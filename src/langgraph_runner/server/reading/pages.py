"""`page_of_runs()`: one page of a list of runs as JSON, limited by the number of runs and by their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from langgraph_runner.engine.reading.cursors import cursor_of, place_in_list, place_of
from langgraph_runner.server.problems import ApiCode, ApiError, checked

if TYPE_CHECKING:
    from datetime import datetime

    from langgraph_runner.engine import Run, RunEngine
    from langgraph_runner.server.models import RunFilter

__all__ = ["page_of_runs"]

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
