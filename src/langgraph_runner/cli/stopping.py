"""The end of `serve` and `worker`: runs may end within the grace period, and a second signal hands them back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langgraph_runner.cli.arguments.values import read_duration

if TYPE_CHECKING:
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine import RunEngine

__all__ = ["let_runs_end", "read_grace"]


def read_grace(grace: str) -> float:
    """Return the milliseconds of `--grace`, at least 1."""
    return max(1.0, read_duration(grace, "--grace").total_seconds() * 1_000)


async def let_runs_end(engine: RunEngine, grace: str, stop: asyncio.Event, out: Output) -> None:
    """Let runs end until the grace period is over or `stop` is set, and print what happens.

    Args:
        engine: Closing it afterwards hands back the runs that have not ended.
        grace: The grace period, as on the command line.
        stop: Set at the second signal.
        out: Where to print.
    """
    out.line(f"Stopping: runs may continue for {grace}. A second signal hands them back at once.")
    draining = asyncio.create_task(engine.drain(read_grace(grace)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({draining, stopping}, return_when=asyncio.FIRST_COMPLETED)
    is_drained = draining.done() and draining.result()
    for task in (draining, stopping):
        task.cancel()
    out.line("All runs have ended." if is_drained else "Handed back the runs that have not ended.")
