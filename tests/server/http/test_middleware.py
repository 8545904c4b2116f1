"""Limits on the size and the time of a request, and its event in the log."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from langgraph_runner.server.http.middleware import RequestMetrics, RequestMiddleware

pytestmark = pytest.mark.req("R-52")


async def test_a_long_body_is_refused(service_of):
    """The service stops reading at the limit."""
    sent = []

    async def endless():
        while True:
            sent.append(1)
            yield b"[" * 1_000

    async with service_of(max_body_bytes=10_000) as service:
        acme = await service.caller()
        refused = await acme.post("/runs", content=endless(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert len(sent) <= 12


async def test_a_request_that_the_stop_cancels_is_refused(service, acme, monkeypatch):
    """The server cancels requests that are left after its grace period. The client may send them again."""
    begun = asyncio.Event()

    async def hang(**_):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(service.engine, "get_workers", hang)
    request = asyncio.create_task(acme.get("/workers"))
    await begun.wait()
    request.cancel()
    refused = await request
    assert (refused.status_code, refused.json()["code"]) == (503, "NOT_READY")
    assert (refused.headers["retry-after"], "x-request-id" in refused.headers) == ("1", True)


async def test_a_body_that_does_not_arrive_is_refused(service_of):
    """The status is 408 after the time limit."""

    async def stuck():
        yield b"{"
        await asyncio.Event().wait()

    async with service_of(body_timeout_s=0.05) as service:
        acme = await service.caller()
        refused = await acme.post("/runs", content=stuck(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_request_that_is_aborted_has_no_status_in_the_log(caplog):
    """The client has left before the response began."""

    async def app(scope, receive, send):
        """Respond nothing."""

    metrics = RequestMetrics(CollectorRegistry())
    middleware = RequestMiddleware(app, metrics=metrics, max_body_bytes=1, body_timeout_s=1)
    scope = {"type": "http", "method": "GET", "path": "/runs", "headers": []}
    with caplog.at_level(logging.INFO, "langgraph_runner.server"):
        await middleware(scope, None, None)
    # asyncio logs, too, if the machine is slow.
    (record,) = [record for record in caplog.records if record.name == "langgraph_runner.server"]
    assert record.getMessage().startswith("request.aborted method='GET' path='/runs' duration_ms=")
    assert not hasattr(record, "status")
