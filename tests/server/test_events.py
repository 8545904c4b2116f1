"""Live events: server-sent, resumable, without a gap or a repeat."""

import asyncio

import pytest

from langgraph_runner.server.http import events as module
from langgraph_runner.server.http.events import event_stream

pytestmark = pytest.mark.req("R-52")


def read(text):
    """The events of a stream, as fields."""
    blocks = [block for block in text.split("\n\n") if "id: " in block]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


async def test_all_that_has_happened_is_told(service, acme):
    """With the number of each as its id."""
    run_id = await service.ended(acme)
    told = read((await acme.get(f"/runs/{run_id}/events")).text)
    assert [int(each["id"]) for each in told] == [*range(1, len(told) + 1)]
    assert (told[0]["event"], told[-1]["event"]) == ("run_created", "run_completed")


async def test_a_stream_goes_on_behind_the_last_event(service, acme):
    """And is 204 behind the end, so that a browser does not connect again."""
    run_id = await service.ended(acme)
    told = read((await acme.get(f"/runs/{run_id}/events")).text)
    rest = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": "2"})
    assert read(rest.text) == told[2:]
    end = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": told[-1]["id"]})
    assert (end.status_code, end.content) == (204, b"")


@pytest.mark.parametrize("given", ["-1", "x", "9" * 30])
async def test_a_last_event_that_is_none_is_refused(service, acme, given):
    """With its place."""
    run_id = await service.ended(acme)
    refused = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": given})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "header:last-event-id")


async def test_a_quiet_stream_is_kept_alive(service, acme, monkeypatch):
    """And ends with the run."""
    monkeypatch.setattr(module, "_HEARTBEAT_S", 0.01)
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    response = await event_stream(service.engine, made["id"], "acme", 0)
    lines = []
    async for data in response.body_iterator:
        lines.append(data)
        if data.startswith(b": ") and not service.flow.gate.is_set():
            service.flow.gate.set()
    told = read(b"".join(lines).decode())
    assert (told[-1]["event"], b": still here\n\n" in lines) == ("run_completed", True)


async def test_a_reader_that_goes_away_leaves_nothing_behind(service, acme):
    """The run goes on."""
    before = asyncio.all_tasks()
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    response = await event_stream(service.engine, made["id"], "acme", 0)
    async for _ in response.body_iterator:
        break
    await response.body_iterator.aclose()
    service.flow.gate.set()
    assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
    left = {task for task in asyncio.all_tasks() - before if "events" in repr(task.get_coro())}
    assert left == set()
