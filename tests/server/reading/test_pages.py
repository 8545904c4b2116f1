"""Pages of runs. Equal requests share a read, and each sees what was committed before it."""

import asyncio

import pytest

from langgraph_runner.server.reading import pages
from langgraph_runner.server.reading.pages import SharedReads

pytestmark = pytest.mark.req("R-52")


async def pages_of(client, path, limit, **filters):
    """Return the items of each page of a list."""
    found, cursor = [], None
    while True:
        query = {"limit": limit, **filters, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(path, params=query)).json()
        found.append(page["items"])
        if (cursor := page["next_cursor"]) is None:
            return found


async def test_a_long_page_ends_early(service, acme, monkeypatch):
    """It has at least one item, and a cursor with which no item is lost or repeated."""
    monkeypatch.setattr(pages, "_MAX_BYTES", 3_000)
    ids = []
    for length in (250, 1, 250, 250, 1, 1, 250, 1):
        tags = {f"t{number}": "x" * length for number in range(9)}
        ids.append(await service.ended(acme, tags=tags))
    found = await pages_of(acme, "/runs", 4)
    assert [run["id"] for page in found for run in page] == ids[::-1]
    assert [len(page) for page in found] == [1, 1, 2, 1, 1, 1, 1]
    monkeypatch.setattr(pages, "_MAX_BYTES", 1)
    assert [[step["step"] for step in page] for page in await pages_of(acme, f"/runs/{ids[0]}/steps", 5)] == [
        ["price"],
        ["page"],
    ]


async def test_steps_come_in_pages(service, acme):
    """Also those of one status. An unknown run is reported on every page."""
    run_id = await service.ended(acme)
    found = await pages_of(acme, f"/runs/{run_id}/steps", 1)
    assert [[step["step"] for step in page] for page in found] == [["price"], ["page"]]
    failed = await service.ended(acme, net=-1)
    for status, expected in (("failed", "price"), ("skipped", "page")):
        ((step,),) = await pages_of(acme, f"/runs/{failed}/steps", 1, status=status)
        assert step["step"] == expected
    assert (await acme.get(f"/runs/{'0' * 32}/steps?cursor=7")).json()["code"] == "RUN_NOT_FOUND"


async def test_a_page_of_runs_has_no_long_parts(service, acme):
    """The inputs, the metadata, the payload of a change and the stack are in the run."""
    run_id = await service.ended(
        acme, metadata={"note": "m" * 1_000}, inputs={"net": 1, "customer": "x" * 30_000}
    )
    change = {"change": {"type": "set", "payload": {"net": -1, "customer": "y" * 30_000}}}
    updated = (await acme.post(f"/runs/{run_id}/update", json=change)).json()["id"]
    await service.engine.wait(updated, tenant="acme")
    answer = await acme.get("/runs")
    of_update, of_base = answer.json()["items"]
    whole = (await acme.get(f"/runs/{updated}")).json()
    assert len(answer.content) < 4_000
    assert (of_update["change_type"], of_base["change_type"]) == ("set", None)
    long = {"inputs", "metadata", "change"}
    assert whole.keys() - of_update.keys() == long
    assert whole["error"].keys() - of_update["error"].keys() == {"stack", "causes"}
    for part in (whole, whole["error"]):
        for name in long | {"stack", "causes"}:
            part.pop(name, None)
    assert of_update == whole


@pytest.mark.parametrize(
    "path",
    [
        *("/runs", "/runs?limit=1&tag=a:b", "/runs/{id}/steps", "/runs/{id}/artifacts", "/runs/{id}"),
        *("/workflows", "/workflows/shop.v1", "/workflows/shop.v1/metrics", "/audit"),
    ],
)
async def test_an_unchanged_list_is_not_sent_again(service, acme, path):
    """304 for its `ETag`, until something changes."""
    path = path.format(id=await service.ended(acme, tags={"a": "b"}))
    admin = await service.caller("admin")
    etag = (await admin.get(path)).headers["etag"]
    unchanged = await admin.get(path, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    assert unchanged.headers["cache-control"] == "private, no-cache"
    if path in {"/runs", "/audit"}:
        await service.ended(acme)
        assert (await admin.get(path, headers={"If-None-Match": etag})).status_code == 200


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
