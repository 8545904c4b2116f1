"""Equal reads at the same time are done once, and none misses what was committed before it was asked for."""

import asyncio

import pytest

from langgraph_runner.server.reading.shared_reads import SharedReads

pytestmark = pytest.mark.req("R-52")


class Reader:
    """Reads a value that changes; each read waits until the test lets it go on."""

    def __init__(self):
        self.value = 0
        self.reads = 0
        self.gates = []

    async def __call__(self):
        """The value as it was when the read began."""
        self.reads += 1
        seen, gate = self.value, asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if isinstance(seen, Exception):
            raise seen
        return seen


async def settle():
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(shared, key, reader):
    """Ask, and let the question arrive."""
    task = asyncio.create_task(shared.read(key, reader))
    await settle()
    return task


async def test_those_who_ask_during_a_read_share_the_next():
    """Six questions are two reads, and the later ones see what was written in between."""
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


async def test_other_keys_are_read_by_themselves():
    """A slow page holds up no other."""
    shared, slow, quick = SharedReads(), Reader(), Reader()
    waiting = await ask(shared, "slow", slow)
    other = await ask(shared, "quick", quick)
    quick.gates[0].set()
    assert await other == 0
    assert not waiting.done()
    slow.gates[0].set()
    await waiting


async def test_one_who_leaves_takes_nothing_from_the_others():
    """The read goes on for those who share it."""
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


async def test_a_failure_reaches_all_who_share_it_and_no_one_later():
    """The next question is a new read."""
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


async def test_nothing_is_kept_of_reads_that_ended():
    """As many keys as there are filters would fill the memory."""
    shared, reader = SharedReads(), Reader()
    for number in range(3):
        task = await ask(shared, number, reader)
        reader.gates[number].set()
        await task
    await settle()
    assert (len(shared._next), len(shared._running)) == (0, 0)


async def test_equal_pages_of_two_tenants_are_two_reads(service, acme):
    """A tenant's page never reaches another."""
    other = await service.caller(tenant="other")
    run_id = await service.ended(acme)
    pages = await asyncio.gather(*(caller.get("/runs") for caller in (acme, other) for _ in range(20)))
    ids = [[run["id"] for run in page.json()["items"]] for page in pages]
    assert ids == [[run_id]] * 20 + [[]] * 20
