"""Worker processes for one workflow, which tests kill, stop and watch. No tests.

Each step appends a line to a file when it has done its work: run, step, fencing token, process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore, writer
from langgraph_runner.workflow import StepContext, Workflow
from tests.waiting import eventually, eventually_blocking, pause, pause_blocking

DEPENDENCIES = {
    "brief": [],
    "segments": ["brief"],
    "pillars": ["brief"],
    "theme": ["brief"],
    "headlines": ["segments", "pillars"],
    "copy": ["headlines"],
    "media": ["segments"],
    "hero": ["theme", "headlines"],
    "social": ["theme"],
    "page": ["copy", "hero"],
    "mails": ["copy", "page"],
    "calendar": ["media"],
    "bundle": ["social", "mails", "calendar", "page"],
}


@dataclass(frozen=True)
class Orders:
    """The options of a worker process."""

    folder: Path
    store: str
    lease_ms: int = 400
    die_at: int | None = None
    """The number of the commit at which it kills itself."""
    before: bool = False
    """Whether it dies just before the commit, not just after."""
    slow: str | None = None
    """A step that waits until there is a file `go`."""
    max_recovery_attempts: int = 5
    dispatch: str | None = None
    """A queue that announces runs. With it, the worker polls for runs only every two seconds."""
    max_active_runs: int = 20
    max_concurrency: int = 64
    poison: str | None = None
    """A step that kills its process, in runs with the input `poison`."""


def make_workflow(folder: Path, slow: str | None = None, poison: str | None = None) -> Workflow:
    """Thirteen steps, each with an effect outside the engine."""
    workflow = Workflow("campaign.v1")
    for name, before in DEPENDENCIES.items():
        workflow.step(
            _step(name, folder, slow, poison), id=name, depends_on=before, cache="none", output=dict[str, str]
        )
    return workflow


def _step(name: str, folder: Path, slow: str | None, poison: str | None):
    async def run(inputs, ctx: StepContext):
        if name == poison and inputs.get("poison"):
            os.kill(os.getpid(), signal.SIGKILL)  # Like the kernel when a process takes all memory.
        if name == slow:
            await eventually((folder / "go").exists)
        ctx.save_artifact(f"{name}.txt", f"{name} of {inputs['number']}\n" * 10, "text/plain")
        await pause(0.002)  # A kill may come before the effect.
        line = f"{ctx.run_id} {name} {ctx.fencing_token} {os.getpid()}\n"
        with (folder / "effects").open("ab", buffering=0) as file:
            file.write(line.encode())
        return {"made": f"{name} of {inputs['number']}"}

    return run


def run_at_once(folder: Path, store: str, start: Barrier, rounds: int) -> None:
    """Run the same work as other processes, at the same moment, this many times."""
    logging.basicConfig(filename=folder / f"log.{os.getpid()}", level=logging.WARNING, force=True)
    workflow = Workflow("shared.v1")

    @workflow.step
    def work(inputs) -> int:
        with (folder / "effects").open("ab", buffering=0) as file:
            file.write(f"{inputs['number']}\n".encode())
        # The step ends when all processes have begun their runs: none of them may find its result in the cache.
        eventually_blocking(
            lambda: engine.list_runs(status=["pending", "running"]), lambda found: len(found) == start.parties
        )
        return 1

    with RunEngine.sync([workflow], store=store, artifacts=folder / "files", poll_ms=20) as engine:
        engine.take_on("own")
        for number in range(rounds):
            start.wait()
            assert engine.run("shared.v1", {"number": number}).result == 1


def open_at_once(folder: Path, start: Barrier, rounds: int) -> None:
    """Open a new file at the same moment as other processes, this many times."""
    for number in range(rounds):
        start.wait()
        RunStore(f"sqlite:///{folder / f'new{number}.db'}").close()


def die_at(count: int, *, before: bool) -> None:
    """Kill this process just before or just after its n-th commit."""
    commit, seen = writer._write_group, 0

    def counted(connection, group):
        nonlocal seen
        seen += 1
        if before and seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = commit(connection, group)
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    writer._write_group = counted


def serve(orders: Orders) -> None:
    """Serve until the process ends. Its log goes to its own file."""
    log = orders.folder / f"log.{os.getpid()}"
    logging.basicConfig(filename=log, level=logging.WARNING, format="%(message)s", force=True)
    if orders.die_at is not None:
        die_at(orders.die_at, before=orders.before)
    while True:
        try:
            asyncio.run(_serve(orders))
        except OperationalError:  # The server is down. Start again, as a supervisor of processes would.
            pause_blocking(0.05)


async def _serve(orders: Orders) -> None:
    workflow = make_workflow(orders.folder, orders.slow, orders.poison)
    async with RunEngine(
        [workflow],
        store=orders.store,
        artifacts=orders.folder / "files",
        lease_ms=orders.lease_ms,
        dispatch=orders.dispatch,
        poll_ms=20 if orders.dispatch is None else 2_000,
        max_active_runs=orders.max_active_runs,
        max_concurrency=orders.max_concurrency,
        max_recovery_attempts=orders.max_recovery_attempts,
    ):
        await asyncio.Event().wait()
