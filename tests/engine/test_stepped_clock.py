"""libfaketime sets the wall clock of real processes by an hour while they run.

SQLite reads the clock of its process, so the time of the database is set, too; PostgreSQL keeps its own.
On a busy machine, processes are late for other reasons. The tests measure these waits and allow for them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import select

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.schema import runs
from tests.engine.clock_worker import BACKOFF_S, make_workflows, watch_stalls
from tests.waiting import eventually, pause

LIBRARY = next(iter([*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]), None)
pytestmark = [
    pytest.mark.req("R-42", "R-43"),
    pytest.mark.skipif(
        LIBRARY is None, reason="needs libfaketime: `make faketime`, or apt-get install libfaketime"
    ),
]

ROOT = Path(__file__).parents[2]
BOUND_S = 1.0
"""The guarantee."""
LEASE_S = 9.0
LIMIT_S = 8.0
HELD = 4


class Machine:
    """Processes with one wall clock, which can be set."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder = folder
        self._store = store
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "events").touch()
        self.set_clock("+0")

    def set_clock(self, by: str) -> None:
        """Set the clock for all processes at once."""
        new = self._folder / "clock.new"
        new.write_text(f"{by}\n")
        new.replace(self._folder / "clock")

    def start(self, max_active_runs: int) -> subprocess.Popen[bytes]:
        """Start another process."""
        environment = {
            **os.environ,
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        orders = [str(self._folder), self._store, f"{LEASE_S * 1000:.0f}", str(max_active_runs)]
        command = [sys.executable, "-m", "tests.engine.clock_worker", *orders]
        process = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603 - our own module
        self._processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process at once, and remove what libfaketime leaves of it."""
        process.kill()
        process.wait()
        for name in (f"faketime_shm_{process.pid}", f"sem.faketime_sem_{process.pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)  # noqa: S108 - named by libfaketime

    def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            self.kill(process)

    def events(self) -> dict[tuple[str, str], list[float]]:
        """The monotonic times of events, by run and event."""
        found = defaultdict(list)
        for line in (self._folder / "events").read_text().splitlines():
            run, what, at = line.split()
            found[run, what].append(float(at))
        return found

    async def happened(self, run_id: str, what: str, times: int = 1) -> float:
        """Wait until an event has happened this many times. Return its last time."""

        def found():
            assert not any(process.poll() for process in self._processes[1:]), "a worker has ended"
            return self.events()[run_id, what]

        return (await eventually(found, lambda seen: len(seen) >= times, within_s=120))[-1]


@pytest.fixture
def machine(tmp_path, store_url):
    """A machine without processes at the end of the test."""
    made = Machine(tmp_path, store_url)
    yield made
    made.end()


async def end_of_lease(engine, run_id):
    """Return the monotonic time at which a lease ends without a heartbeat. Call it before a clock is set."""

    def read(connection, _tenant):
        return connection.execute(select(runs.c.lease_expires_at).where(runs.c.id == run_id)).scalar_one()

    ends_at = await engine._store.read(read, "default")
    return time.monotonic() + ends_at / 1000 - time.time()


@pytest.mark.no_cover
@pytest.mark.timeout(180)
@pytest.mark.parametrize("by_s", [3600, -3600], ids=["forward", "back"])
async def test_a_stepped_clock_moves_no_lease_and_no_timer(machine, tmp_path, store_url, by_s, tell):
    """Only runs of dead owners are taken over, on time. Limits and back-offs also end on time."""
    options = {"store": store_url, "artifacts": tmp_path / "files", "poll_ms": 20}
    async with RunEngine(make_workflows(tmp_path), **options) as engine:
        engine.take_on("none")
        left = await engine.trigger("held")
        owner = machine.start(max_active_runs=1)
        await machine.happened(left.id, "begun")
        for _ in range(2):
            machine.start(max_active_runs=20)
        held = [await engine.trigger("held") for _ in range(HELD)]
        for run in held:
            await machine.happened(run.id, "begun")
        limited = await engine.trigger("limited", run_timeout_ms=LIMIT_S * 1000)
        retried = await engine.trigger("retried")
        limit_begun = await machine.happened(limited.id, "begun")
        backoff_begun = await machine.happened(retried.id, "begun")
        watching = asyncio.create_task(watch_stalls(engine, tmp_path / "stall.test"))
        machine.kill(owner)
        lease_ends = await end_of_lease(engine, left.id)
        await pause(LEASE_S / 3)
        machine.set_clock(f"{by_s:+d}")
        set_at = time.monotonic()
        off = {
            "a back-off": await machine.happened(retried.id, "begun", 2) - backoff_begun - BACKOFF_S,
            "a run timeout": await machine.happened(limited.id, "stopped") - limit_begun - LIMIT_S,
            "a lease": await machine.happened(left.id, "begun", 2) - lease_ends,
        }
        # All leases from before the clock step have expired, unless their owners have renewed them.
        await pause(max(0.0, set_at + LEASE_S + 1 - time.monotonic()))
        (tmp_path / "go").touch()
        for run in (left, *held, retried):
            assert (await engine.wait(run.id, timeout_ms=60_000)).status == "completed"
        assert (await engine.wait(limited.id, timeout_ms=60_000)).error["code"] == "RUN_TIMEOUT"
        watching.cancel()
    stall = max(float(file.read_text()) for file in tmp_path.glob("stall.*"))
    events = machine.events()
    why = f"processes had to wait {stall:.2f} s; their logs:\n{(tmp_path / 'log').read_text()}"
    if stall < LEASE_S / 4:  # Otherwise an owner may have been too late to renew its lease.
        assert [len(events[run.id, "begun"]) for run in held] == [1] * HELD, why
    assert [len(events[run.id, "done"]) for run in (left, *held)] == [1] * (1 + HELD), why
    late = ", ".join(f"{what} by {seconds:+.2f} s" for what, seconds in off.items())
    late += f"; processes had to wait {stall:.2f} s at most at a time"
    # A process may have to wait several times: for the processor, then for the database.
    assert all(abs(seconds) <= BOUND_S + 3 * stall for seconds in off.values()), late
    again = sum(len(events[run.id, "begun"]) - 1 for run in held)
    tell(
        f"{store_url.partition(':')[0]}: wall clock set by {by_s:+d} s: {HELD + 3} runs ended, {again} again;"
        f" off were {late}"
    )
