"""A process that serves runs while a test sets its wall clock with libfaketime. No tests.

Each event of a step is a line in a file: run, event, monotonic time. All processes of the machine share this clock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from pathlib import Path

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.queries import store_id
from langgraph_runner.workflow import StepContext, Workflow
from tests.waiting import eventually, pause

BACKOFF_S = 6.0


def make_workflows(folder: Path) -> list[Workflow]:
    """A workflow that waits for a file `go`, one that never ends, and one that fails at first."""

    def note(ctx: StepContext, what: str) -> None:
        with (folder / "events").open("ab", buffering=0) as file:
            file.write(f"{ctx.run_id} {what} {time.monotonic()}\n".encode())

    held, limited, retried = (Workflow(name, cache="none") for name in ("held", "limited", "retried"))

    @held.step
    async def hold(inputs, ctx: StepContext) -> int:
        note(ctx, "begun")
        await eventually((folder / "go").exists)
        note(ctx, "done")
        return 1

    @limited.step
    async def hang(inputs, ctx: StepContext) -> int:
        note(ctx, "begun")
        try:
            return await asyncio.Event().wait()
        finally:
            note(ctx, "stopped")

    retry = {
        "max_attempts": 2,
        "backoff_ms": BACKOFF_S * 1000,
        "max_backoff_ms": BACKOFF_S * 1000,
        "jitter": 0,
    }

    @retried.step(retry=retry)
    async def fail_once(inputs, ctx: StepContext) -> int:
        note(ctx, "begun")
        if ctx.attempt == 1:
            raise ConnectionError("not yet")
        return 1

    return [held, limited, retried]


async def watch_stalls(engine: RunEngine, file: Path) -> None:
    """Record the longest time that this process had to wait for the processor or for the database."""
    longest = 0.0
    while True:
        begin = time.monotonic()
        await pause(0.05)
        await engine.store.read(store_id)
        stall = time.monotonic() - begin - 0.05
        if stall > longest:
            longest = stall
            file.write_text(str(longest))  # noqa: ASYNC240 - a few bytes, now and then


async def serve(folder: Path, store: str, lease_ms: int, max_active_runs: int) -> None:
    """Serve until the process ends."""
    async with RunEngine(
        make_workflows(folder),
        store=store,
        artifacts=folder / "files",
        lease_ms=lease_ms,
        poll_ms=100,
        max_active_runs=max_active_runs,
    ) as engine:
        await engine.start()
        await watch_stalls(engine, folder / f"stall.{os.getpid()}")


def main() -> None:
    """Read the options from the command line."""
    # libfaketime 0.9.10 breaks waits until a monotonic time, which `time.sleep()` uses.
    time.sleep = threading.Event().wait  # type: ignore[assignment]
    folder, store, lease_ms, max_active_runs = sys.argv[1:]
    logging.basicConfig(filename=Path(folder) / "log", level=logging.WARNING, format="%(message)s")
    asyncio.run(serve(Path(folder), store, int(lease_ms), int(max_active_runs)))


if __name__ == "__main__":
    main()
