"""Reading runs over connections that break: waits, event streams, outputs."""

import json
import threading
from datetime import timedelta

import httpx
import pytest

from langgraph_runner.client import (
    ServiceInvalidError,
    ServiceUnreachableError,
)
from langgraph_runner.testing import FakeRuntime
from tests.client.fakes import RUN, Chunks, problem
from tests.client.live import GATE, Live

pytestmark = pytest.mark.req("R-58")


async def test_events_continue_after_a_restart_of_the_server(client_of, tmp_path):
    """No event is lost or repeated. `wait()` continues, too."""
    live = Live(tmp_path)
    try:
        client = client_of(live.url, api_key=await live.key())
        run = await client.trigger("shop.v1", {"net": 1_000}, use_cache=False)
        seen = []
        async for event in client.events(run.id):
            seen.append(event.seq)
            if (event.type, event.data.get("step")) == ("step_started", "bill") and not GATE.is_set():
                live.stop()
                GATE.set()
                threading.Timer(0.1, live.start).start()
        assert seen == [*range(1, len(seen) + 1)]
        assert (await client.wait(run.id)).status == "completed"
    finally:
        live.stop()


async def test_the_pages_of_steps_are_followed(responses_of):
    """Each request has the filter and the cursor of the page before."""

    def page(cursor, *steps):
        items = [{"run_id": "r1", "step": step, "status": "completed"} for step in steps]
        return httpx.Response(200, json={"items": items, "next_cursor": cursor})

    client, requests = responses_of(page("1", "a", "b"), page("2", "c"), page(None, "d"))
    steps = await client.get_run_steps("r1", status="completed")
    assert [step.step for step in steps] == ["a", "b", "c", "d"]
    asked = [[*request.url.params.multi_items()] for request in requests]
    status = ("status", "completed")
    assert asked == [[status], [status, ("cursor", "1")], [status, ("cursor", "2")]]


async def test_a_stream_that_breaks_repeatedly_loses_no_event(responses_of):
    """Each attempt asks for events after the last one. A repeated event is yielded once."""

    def event(seq, kind="step_started"):
        data = {"run_id": "r1", "seq": seq, "type": kind, "data": {}, "at": "2026-01-01T00:00:00Z"}
        return f"id: {seq}\r\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()

    def stream(*chunks, breaks=False):
        return httpx.Response(
            200, stream=Chunks(chunks, breaks=breaks), headers={"content-type": "text/event-stream"}
        )

    first = event(1) + event(2)
    fake = FakeRuntime()
    client, requests = responses_of(
        stream(b"retry: 1000\n\n", first[:20], first[20:], event(3)[:-1], breaks=True),
        httpx.ConnectError("down"),
        problem(503, "NOT_READY", {"retry-after": "2"}),
        stream(event(2), event(3), b": still here\n\n"),
        stream(event(4, "run_completed"), breaks=True),
        httpx.Response(204),
        runtime=fake,
    )
    assert [each.seq async for each in client.events("r1")] == [1, 2, 3, 4]
    assert [request.headers["last-event-id"] for request in requests] == ["0", "2", "2", "2", "3", "4"]
    assert 2.0 in fake.sleeps


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(200, text="<html>"), "not with text/event-stream"),
        (
            httpx.Response(200, content=b"data: no\n\n", headers={"content-type": "text/event-stream"}),
            "its event stream cannot be read",
        ),
    ],
)
async def test_a_stream_of_another_server_is_refused(responses_of, response, words):
    """Its content type is wrong, or its events are not JSON."""
    client, _ = responses_of(response, runtime=FakeRuntime())
    with pytest.raises(ServiceInvalidError, match=words):
        await anext(client.events("r1"))


async def test_a_service_that_stays_unreachable_ends_a_wait(responses_of):
    """The wait ends after `reconnect_ms`, or after its own timeout."""
    fake = FakeRuntime()
    client, _ = responses_of(
        httpx.ConnectError("down"), max_attempts=2, reconnect_ms=timedelta(seconds=20), runtime=fake
    )
    with pytest.raises(ServiceUnreachableError):
        await client.wait("r1")
    assert 20 <= fake.now < 30
    with pytest.raises(ServiceUnreachableError):
        await anext(client.events("r1"))
    with pytest.raises(TimeoutError, match="did not end within 2,000 ms"):
        await client.wait("r1", timeout_ms=2_000)
    assert fake.now < 60


async def test_an_output_that_is_not_json_is_refused(responses_of):
    """It may be the page of a proxy."""
    client, _ = responses_of(httpx.Response(200, text="<html>"))
    with pytest.raises(ServiceInvalidError, match="is not JSON"):
        await client.get_output("r1", "price")


async def test_a_workflow_without_a_result_is_refused(responses_of):
    """The message says how to name one."""
    described = {"id": "shop.v1", "version": "1", "description": "", "steps": [], "changes": [], "inputs": {}}
    client, _ = responses_of(httpx.Response(200, json=RUN), httpx.Response(200, json=described))
    with pytest.raises(LookupError, match="Name it with Workflow"):
        await client.get_result("r1")
