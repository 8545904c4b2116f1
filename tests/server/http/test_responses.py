"""Event streams: complete, resumable, kept alive, and closed when the key is revoked."""

import asyncio

import pytest

from langgraph_runner.server import Role
from langgraph_runner.server.http import responses as module
from langgraph_runner.server.http.responses import event_stream
from langgraph_runner.testing import FakeRuntime

pytestmark = pytest.mark.req("R-52")


def read(text):
    """Return the fields of each event of a stream."""
    blocks = [block for block in text.split("\n\n") if "id: " in block]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


async def test_a_stream_has_all_events(service, acme):
    """The id of each is its number in the run."""
    run_id = await service.ended(acme)
    events = read((await acme.get(f"/runs/{run_id}/events")).text)
    assert [int(each["id"]) for each in events] == [*range(1, len(events) + 1)]
    assert (events[0]["event"], events[-1]["event"]) == ("run_created", "run_completed")


async def test_a_stream_resumes_after_the_last_event(service, acme):
    """After the end of the run the status is 204, so that browsers do not reconnect."""
    run_id = await service.ended(acme)
    events = read((await acme.get(f"/runs/{run_id}/events")).text)
    rest = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": "2"})
    assert read(rest.text) == events[2:]
    end = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": events[-1]["id"]})
    assert (end.status_code, end.content) == (204, b"")


@pytest.mark.parametrize("given", ["-1", "x", "9" * 30])
async def test_an_invalid_last_event_id_is_refused(service, acme, given):
    """The problem names the header."""
    run_id = await service.ended(acme)
    refused = await acme.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": given})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "header:Last-Event-ID")


async def test_a_quiet_stream_gets_heartbeats(service, acme, monkeypatch):
    """It ends with the run."""
    monkeypatch.setattr(module, "_HEARTBEAT_S", 0.01)
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    response = await event_stream(service.engine, made["id"], "acme", 0, stopping=asyncio.Event())
    lines = []
    async for data in response.body_iterator:
        lines.append(data)
        if data.startswith(b": ") and not service.flow.gate.is_set():
            service.flow.gate.set()
    events = read(b"".join(lines).decode())
    assert (events[-1]["event"], b": still here\n\n" in lines) == ("run_completed", True)


async def test_a_closed_stream_leaves_no_task(service, acme):
    """The run continues."""
    before = asyncio.all_tasks()
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    response = await event_stream(service.engine, made["id"], "acme", 0, stopping=asyncio.Event())
    async for _ in response.body_iterator:
        break
    await response.body_iterator.aclose()
    service.flow.gate.set()
    assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
    left = {task for task in asyncio.all_tasks() - before if "events" in repr(task.get_coro())}
    assert left == set()


async def test_a_stream_ends_when_its_key_is_revoked(service, monkeypatch):
    """It ends at the next check, 15 seconds after the last one; the run continues."""
    monkeypatch.setattr(module, "_HEARTBEAT_S", 0.01)
    clock, guard = FakeRuntime(), service.app.state.service.guard
    monkeypatch.setattr(service.engine.store, "runtimes", clock)
    monkeypatch.setattr(guard._authenticators[0]._keys, "runtime", clock.awaiting)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    made = (await client.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    caller = await guard.admit(f"Bearer {key.key}", Role.READ)
    stream = await event_stream(
        service.engine,
        made["id"],
        "acme",
        0,
        stopping=asyncio.Event(),
        is_allowed=lambda: guard.still_admits(f"Bearer {key.key}", caller),
    )
    lines = []
    async for data in stream.body_iterator:
        lines.append(data)
        if data == b": still here\n\n":
            if lines.count(data) == 1:
                await service.keys.revoke(key.id)
            clock.advance(5)
    assert lines.count(b": still here\n\n") == 3
    assert not any(b"run_completed" in line for line in lines)
    service.flow.gate.set()
    assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
