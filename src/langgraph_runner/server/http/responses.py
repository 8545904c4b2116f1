"""`json_response()`: a model as JSON with an `ETag`. `event_stream()`: the events of a run."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_json

from langgraph_runner.workflow.values.off_loop import is_large, run_off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from langgraph_runner.engine import RunEngine, RunEvent
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["event_stream", "is_unchanged", "json_data", "json_response"]

_HEARTBEAT_S: Final = 15.0
"""How long without an event until a comment is sent, so that proxies do not close a quiet connection."""
_CHECK_S: Final = 15.0
"""How often an open stream checks that its caller's key still works."""
_HEARTBEAT: Final = b": still here\n\n"
_RETRY: Final = b"retry: 1000\n\n"


async def json_response(
    value: BaseModel | Sequence[BaseModel],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    if_none_match: str | None = None,
) -> Response:
    """Return a model or a list of models as JSON with an `ETag`. Long ones are written off the event loop.

    pydantic writes the JSON, so FastAPI does not validate and encode the value a second time.

    Args:
        value: The model or the models.
        status: The HTTP status.
        headers: Further headers.
        if_none_match: The header `If-None-Match`; if it has the `ETag` of the response, the status is 304.
    """
    data = await run_off_loop(_written, value) if is_large(value) else _written(value)
    return json_data(data, status=status, headers=headers, if_none_match=if_none_match)


def json_data(
    data: bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    if_none_match: str | None = None,
) -> Response:
    """Return JSON as a response with an `ETag`. See `json_response()`."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **(headers or {})}
    if is_unchanged(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(data, status, headers, "application/json")


def _written(value: BaseModel | Sequence[BaseModel]) -> bytes:
    if isinstance(value, BaseModel):
        return value.model_dump_json().encode()
    # One by one: a single call would hold the interpreter's lock, and with it the event loop, until its end.
    return b"[%b]" % b",".join([item.model_dump_json().encode() for item in value])


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Return whether the header `If-None-Match` has an `ETag`, by the weak comparison of RFC 9110, section 13.1.2."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags


async def event_stream(
    engine: RunEngine,
    run_id: str,
    tenant: str,
    after: int,
    *,
    follow: bool = True,
    stopping: asyncio.Event,
    is_allowed: Callable[[], Awaitable[bool]] | None = None,
) -> Response:
    """Stream the events of a run as server-sent events (WHATWG HTML, section 9.2) until it is over.

    Without `follow`, only those that exist now are sent.
    If the run is over and has no more events, the response is 204, so that a browser does not connect again.

    Args:
        engine: The engine that has the run.
        run_id: The run.
        tenant: The tenant of the run.
        after: Send only events with a greater number.
        follow: Whether to wait for more events.
        stopping: Ends the stream when it is set. Clients then connect to the next server.
        is_allowed: Called every 15 seconds; the stream ends when it returns False. None for no such check.

    Raises:
        RunNotFoundError: The tenant has no such run.
    """
    run = await engine.get_run(run_id, tenant=tenant)
    events = engine.events(run_id, tenant=tenant, after=after, follow=follow)
    first = await anext(events, None) if run.status.is_over else None
    if run.status.is_over and first is None:
        return Response(status_code=204)
    return StreamingResponse(
        _chunks(events, first, stopping, is_allowed, engine.store.runtimes.awaiting),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _chunks(
    events: AsyncGenerator[RunEvent, None],
    first: RunEvent | None,
    stopping: asyncio.Event,
    is_allowed: Callable[[], Awaitable[bool]] | None,
    runtime: Runtime,
) -> AsyncGenerator[bytes, None]:
    yield _RETRY
    if first is not None:
        yield _encode(first)
    async with aclosing(events):
        upcoming: asyncio.Future[RunEvent | None] | None = None
        stop: asyncio.Future[Any] = asyncio.ensure_future(stopping.wait())
        check_at = runtime.monotonic() + _CHECK_S
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(events, None))
                await asyncio.wait(
                    [upcoming, stop], timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
                )
                if stop.done():
                    yield _RETRY
                    return
                if is_allowed is not None and runtime.monotonic() >= check_at:
                    if not await is_allowed():
                        return
                    check_at = runtime.monotonic() + _CHECK_S
                if not upcoming.done():
                    yield _HEARTBEAT
                    continue
                event, upcoming = upcoming.result(), None
                if event is None:
                    return
                yield _encode(event)
        finally:
            stop.cancel()
            if upcoming is not None:
                upcoming.cancel()
                await asyncio.wait([upcoming])


def _encode(event: RunEvent) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), to_json(event))
