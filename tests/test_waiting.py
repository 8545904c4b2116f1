"""The helpers that tests wait with."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.waiting import Gate, Observed, eventually, eventually_blocking


async def test_polling_ends_with_the_last_result():
    """Awaited and blocking, with a function and with a coroutine function."""
    numbers = iter(range(10))

    async def following():
        return next(numbers)

    assert await eventually(following, lambda number: number == 3) == 3
    assert await eventually(lambda: next(numbers)) == 4
    assert eventually_blocking(lambda: next(numbers), lambda number: number > 6) == 7


async def test_polling_is_bounded():
    """The error has the last result."""
    with pytest.raises(AssertionError, match=r"within 0 s: the last result was \[\]"):
        await eventually(list, within_s=0)
    with pytest.raises(AssertionError, match="within 0 s"):
        eventually_blocking(list, within_s=0)


async def test_an_item_of_another_thread_wakes_the_test():
    """Each wait ends as soon as its condition holds."""
    seen = Observed()
    waits = asyncio.gather(seen.reach(), seen.reach(2), seen.until(lambda: "b" in seen))
    await asyncio.to_thread(lambda: [seen.append(each) for each in "ab"])
    await waits
    assert seen == ["a", "b"]


def test_a_gate_opens_for_several_event_loops():
    """Also for one that begins to wait when the gate is open."""
    gate, waiting = Gate(), threading.Barrier(3)

    async def wait():
        asyncio.get_running_loop().call_soon(waiting.wait)
        await gate.wait()

    threads = [threading.Thread(target=lambda: asyncio.run(wait())) for _ in range(2)]
    for thread in threads:
        thread.start()
    waiting.wait(30)
    gate.set()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    asyncio.run(gate.wait())
    assert gate.is_set()
