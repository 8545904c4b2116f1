"""One turn of a contender: open it, run a DAG several times, and record the times. Standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from benchmarks.engine.dag import Dag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TICK_S = 0.002


@dataclass(frozen=True)
class Load:
    """What a contender runs in one turn."""

    dag: Dag
    runs: int = 1
    in_flight: int = 1
    """How many runs are in flight at the same time."""
    warm_up: int = 1
    """How many untimed runs come first."""
    output_bytes: int = 0
    """The size of the output of each step; 0 for a number."""
    is_cached: bool = False
    """Whether steps may be served from the cache; the first run of the warm-up fills it."""
    has_ticker: bool = False
    """Whether the lag of the event loop is measured, by a coroutine that asks to be woken every 2 ms."""

    async def work(self, step: str, _received: Any = None) -> Any:
        """Do what each step does: sleep, if it has a duration, and return its output."""
        if duration_ms := self.dag.durations_ms.get(step):
            await asyncio.sleep(duration_ms / 1000)
        return self.output(step)

    def output(self, step: str) -> Any:
        """Return the output of a step: a different value for each step, made of small records."""
        if not self.output_bytes:
            return 1
        record = {"id": 17, "name": "a step of the run", "score": 25, "tags": ["red", "green"], "done": True}
        return {
            "step": step,
            "items": [{**record, "tags": ["red", "green"]} for _ in range(self.output_bytes // 91)],
        }

    @classmethod
    def of(cls, data: dict[str, Any]) -> Load:
        """Make a load from the result of `dataclasses.asdict()`."""
        return cls(**{**data, "dag": Dag(**data["dag"])})


Run = Callable[[int], Awaitable[None]]
"""Runs the DAG once, from its start to its durable end. The number differs for each run."""
Opens = Callable[[Load, "Path"], AbstractAsyncContextManager[Run]]
"""Opens a contender for a load, with its files in a folder."""


@dataclass(frozen=True)
class Turn:
    """The times of a turn."""

    runs_ms: list[float]
    total_ms: float
    thread_ms: float
    """CPU time of the event loop's thread, for all timed runs together."""
    lag_ms: float
    """The worst delay of the ticker."""


@dataclass
class _Lag:
    worst_ms: float = 0.0


@contextlib.asynccontextmanager
async def ticking(*, is_wanted: bool) -> AsyncIterator[_Lag]:
    """Measure how late the event loop wakes a coroutine that sleeps 2 ms at a time."""
    lag = _Lag()

    async def tick() -> None:
        while True:
            due = perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            lag.worst_ms = max(lag.worst_ms, (perf_counter() - due) * 1e3)

    task = asyncio.create_task(tick()) if is_wanted else None
    try:
        yield lag
        await asyncio.sleep(
            0 if task is None else 2 * TICK_S
        )  # A delay that lasts until the end counts, too.
    finally:
        if task is not None:
            task.cancel()


def frozen(opens: Opens) -> Opens:
    """Make a contender whose process calls `gc.freeze()` after its imports, as servers do.

    Otherwise each full collection scans all objects of the imports, which takes longer than any step here.
    """

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        async with opens(load, folder) as run:
            gc.collect()
            gc.freeze()
            try:
                yield run
            finally:
                gc.unfreeze()

    return opened


async def take_turn(opens: Opens, load: Load, folder: Path) -> Turn:
    """Run a load once."""
    async with opens(load, folder) as run:
        for number in range(load.warm_up):
            await run(-1 - number)
        gc.collect()
        room = asyncio.Semaphore(load.in_flight)

        async def timed(number: int) -> float:
            async with room:
                begin = perf_counter()
                await run(number)
                return (perf_counter() - begin) * 1e3

        async with ticking(is_wanted=load.has_ticker) as lag:
            begin, thread_begin = perf_counter(), thread_time()
            if load.in_flight == 1:
                runs_ms = [await timed(number) for number in range(load.runs)]
            else:
                runs_ms = await asyncio.gather(*(timed(number) for number in range(load.runs)))
            thread_ms, total_ms = (thread_time() - thread_begin) * 1e3, (perf_counter() - begin) * 1e3
    return Turn(runs_ms, total_ms, thread_ms, lag.worst_ms)
