"""Pages of runs. Equal requests share a read, and each sees what was committed before it."""

import asyncio

import pytest

from langgraph_runner.server.reading import pages
from langgraph_runner.server.reading.pages import SharedReads

pytestmark = pytest.mark.req("R-52")


async def test_a_page_of_long_runs_ends_early(service, acme, monkeypatch):
    """It has at least one run, and a cursor with which no run is lost or repeated."""
    monkeypatch.setattr(pages, "_MAX_BYTES", 250_000)
    monkeypatch.setattr(pages, "_ROWS_PER_QUERY", 3)
    sizes = [100_000, 100, 100_000, 300_000, 100, 100, 100_000, 100]
    ids = [
        (
            await acme.post(
                "/runs", json={"workflow": "shop.v1", "inputs": {"net": 1, "customer": "x" * size}}
            )
        ).json()["id"]
        for size in sizes
    ]
    found, cursor = [], None
    while True:
        answer = await acme.get("/runs", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        page = answer.json()
        assert len(answer.content) < 251_000 or len(page["items"]) == 1
        found.append([each["id"] for each in page["items"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert [run_id for items in found for run_id in items] == ids[::-1]
    assert [len(each) for each in found] == [4, 1, 3]


class Reader:
    """Reads a value that changes; each read waits for a gate that the test opens."""

    def __init__(self):
        self.value = 0
        self.reads = 0
        self.gates = []

    async def __call__(self):
        """Return the value that it had when the read started."""
        self.reads += 1
        seen, gate = self.value, asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if isinstance(seen, Exception):
            raise seen
        return seen


async def settle():
    """Run the event loop until nothing is left to do."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(shared, key, reader):
    """Start a request, and wait until the reader has it."""
    task = asyncio.create_task(shared.read(key, reader))
    await settle()
    return task


async def test_requests_during_a_read_share_the_next_one():
    """Six requests are two reads, and the later ones see what was written in between."""
    shared, reader = SharedReads(), Reader()
    first = await ask(shared, "page", reader)
    reader.value = 1
    later = [await ask(shared, "page", reader) for _ in range(5)]
    assert reader.reads == 1
    reader.gates[0].set()
    assert await first == 0
    await settle()
    reader.gates[1].set()
    assert await asyncio.gather(*later) == [1] * 5
    assert reader.reads == 2


async def test_other_keys_do_not_wait():
    """A slow page delays no other page."""
    shared, slow, quick = SharedReads(), Reader(), Reader()
    waiting = await ask(shared, "slow", slow)
    other = await ask(shared, "quick", quick)
    quick.gates[0].set()
    assert await other == 0
    assert not waiting.done()
    slow.gates[0].set()
    await waiting


async def test_a_cancelled_request_does_not_cancel_the_read():
    """The read continues for those who share it."""
    shared, reader = SharedReads(), Reader()
    leaving = await ask(shared, "page", reader)
    staying = await ask(shared, "page", reader)
    also_leaving = await ask(shared, "page", reader)
    leaving.cancel()
    also_leaving.cancel()
    await settle()
    reader.gates[0].set()
    await settle()
    reader.gates[1].set()
    assert await staying == 0


async def test_a_failure_reaches_only_those_who_share_the_read():
    """The next request is a new read."""
    shared, reader = SharedReads(), Reader()
    first = await ask(shared, "page", reader)
    reader.value = ValueError("gone")
    failing = [await ask(shared, "page", reader) for _ in range(2)]
    reader.gates[0].set()
    await first
    await settle()
    reader.value = 2
    reader.gates[1].set()
    assert [str(each) for each in await asyncio.gather(*failing, return_exceptions=True)] == ["gone"] * 2
    again = await ask(shared, "page", reader)
    reader.gates[2].set()
    assert await again == 2


async def test_ended_reads_are_forgotten():
    """Otherwise every filter that was ever used would stay in memory."""
    shared, reader = SharedReads(), Reader()
    for number in range(3):
        task = await ask(shared, number, reader)
        reader.gates[number].set()
        await task
    await settle()
    assert (len(shared._next), len(shared._running)) == (0, 0)


async def test_equal_pages_of_two_tenants_are_two_reads(service, acme):
    """A tenant's page never reaches another tenant."""
    other = await service.caller(tenant="other")
    run_id = await service.ended(acme)
    pages = await asyncio.gather(*(caller.get("/runs") for caller in (acme, other) for _ in range(20)))
    ids = [[run["id"] for run in page.json()["items"]] for page in pages]
    assert ids == [[run_id]] * 20 + [[]] * 20
