"""Equal requests share a read, and each sees what was committed before it."""

import asyncio

import pytest

from langgraph_runner.server.reading.shared_reads import SharedReads

pytestmark = pytest.mark.req("R-52")


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
