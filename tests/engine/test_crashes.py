"""Real processes that are killed or stopped with real signals while they run workflows."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.schema import run_steps
from tests.databases import pg_ctl
from tests.engine.conftest import ON_SQLITE
from tests.engine.worker_process import DEPENDENCIES, Orders, make_workflow, open_at_once, run_at_once, serve
from tests.waiting import eventually, pause

# `make crashes` sets more: 1,000 runs, 160 kills, 8 stops; 225 runs without kills; 504 openings by 8 processes.
CALM_RUNS = int(os.environ.get("CALM_RUNS", "30"))
OPENINGS = int(os.environ.get("OPENINGS", "3"))
RUNS = int(os.environ.get("CRASH_RUNS", "100"))
KILLS = int(os.environ.get("CRASH_KILLS", "25"))
STOPS = int(os.environ.get("CRASH_STOPS", "1"))
"""How often the PostgreSQL server crashes and is started again."""
WITHOUT_THEME = 7  # The number of steps that do not depend on the theme.
# Children of a process that has imported all modules start within milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.engine.worker_process"])


class Site:
    """A database, the log of effects, and the worker processes."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self._workers: list[multiprocessing.process.BaseProcess] = []
        (folder / "effects").touch()

    def start(self, **orders: object) -> multiprocessing.process.BaseProcess:
        """Start another process."""
        worker = PROCESSES.Process(
            target=serve, args=(Orders(self.folder, self.store, **orders),), daemon=True
        )
        worker.start()
        self._workers.append(worker)
        return worker

    async def stop_without_lock(self, worker: multiprocessing.process.BaseProcess) -> None:
        """Stop a process while it does not write: with SQLite's write lock, it would block all others."""
        status = Path(f"/proc/{worker.pid}/stat")

        async def is_stopped_without_lock():
            os.kill(worker.pid, signal.SIGSTOP)
            await eventually(lambda: status.read_text().rpartition(")")[2].split()[0] == "T")
            with contextlib.closing(sqlite3.connect(self.folder / "runs.db", timeout=0.05)) as database:
                try:
                    database.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    os.kill(worker.pid, signal.SIGCONT)
                    return False
                database.rollback()
                return True

        await eventually(is_stopped_without_lock)

    def end(self) -> None:
        """Kill the remaining processes."""
        for worker in self._workers:
            worker.kill()
            worker.join()
            worker.close()

    def engine(self, **options: Any) -> RunEngine:
        """An engine that creates and reads runs, and executes none."""
        options = {"artifacts": self.folder / "files", "poll_ms": 20, **options}
        engine = RunEngine([make_workflow(self.folder)], store=self.store, **options)
        engine.take_on("none")
        return engine

    def executions(self) -> dict[tuple[str, str], list[int]]:
        """For each run and step, the fencing tokens of its executions."""
        found = defaultdict(list)
        for line in (self.folder / "effects").read_text().splitlines():
            run, step, token, _ = line.split()
            found[run, step].append(int(token))
        return found


@pytest.fixture
def site(tmp_path, store_url):
    """A site for one test, without processes at its end."""
    site = Site(tmp_path, store_url)
    yield site
    site.end()


async def committed_tokens(engine: RunEngine, run_id: str) -> dict[str, int]:
    """For each step, the fencing token of its commit."""

    def read(connection):
        query = run_steps.select().where(run_steps.c.run_id == run_id)
        return {row.step_id: row.fence for row in connection.execute(query)}

    return await engine._store.read(read)


@pytest.fixture
def crash_server(request, site):
    """Crashes the PostgreSQL server and starts it again; on SQLite there is none."""
    if not site.store.startswith("postgresql"):
        return None
    server = request.getfixturevalue("postgresql_server")

    def crash():
        pg_ctl(server, "restart", "-w", "-m", "immediate")

    return crash


async def answered(ask):
    """Ask until the database answers."""

    async def answers():
        with contextlib.suppress(DBAPIError):  # The server is down or recovering.
            return [await ask()]

    (answer,) = await eventually(answers)
    return answer


async def effects_of(engine, site, ids):
    """Check that each run is complete and has each committed effect once. Return the number of repeated effects."""
    runs = [await answered(lambda run_id=run_id: engine.get_run(run_id)) for run_id in ids]
    failures = [run.error["message"] for run in runs if run.error is not None]
    assert (failures, Counter(run.status.value for run in runs)) == ([], {"completed": len(ids)})
    executions, repeated = site.executions(), 0
    for run_id in ids:
        for step, token in (await committed_tokens(engine, run_id)).items():
            done = executions[run_id, step]
            assert done.count(token) == 1, (run_id, step, done, token)
            assert max(done) == token, (run_id, step, done, token)
            repeated += len(done) - 1
    return repeated


@pytest.mark.req("R-42", "R-43")
async def test_killed_workers_lose_nothing_and_repeat_nothing_committed(site, crash_server, tell):
    """With two workers, SIGKILLs at random moments and a server crash, each committed effect exists once."""
    chance = random.Random(7)  # noqa: S311 - a reproducible one
    async with site.engine() as engine:
        ids = [(await engine.trigger("campaign.v1", {"number": number})).id for number in range(RUNS)]
        # Here processes die more often than runs make progress, but not because of the runs.
        patience = {"max_recovery_attempts": 1_000}
        kills, workers = 0, [site.start(**patience), site.start(**patience)]
        crashes_after = (
            {KILLS * number // (STOPS + 1) for number in range(1, STOPS + 1)} if crash_server else set()
        )
        crashes = len(crashes_after)
        while kills < KILLS or await answered(
            lambda: engine.list_runs(status=["pending", "running"], limit=1)
        ):
            await pause(chance.uniform(0.03, 0.2))
            if kills < KILLS and (site.folder / "effects").stat().st_size:
                victim = chance.randrange(2)
                os.kill(workers[victim].pid, signal.SIGKILL)
                workers[victim] = site.start(**patience)
                kills += 1
            if kills in crashes_after:
                crashes_after.remove(kills)
                await asyncio.to_thread(crash_server)
        repeated = await effects_of(engine, site, ids)
    steps = RUNS * len(DEPENDENCIES)
    tell(
        f"{site.store.partition(':')[0]}: {RUNS} runs, {kills} kills, {crashes} crashes of the server: all completed,"
        f" {steps} of {steps} committed effects once, {repeated} uncommitted ones done again"
    )


@pytest.mark.req("R-43")
async def test_four_processes_repeat_nothing_where_none_is_killed(site, tell):
    """Their transactions do not end in a deadlock either."""
    async with site.engine() as engine:
        ids = [(await engine.trigger("campaign.v1", {"number": number})).id for number in range(CALM_RUNS)]
        for _ in range(4):
            site.start(lease_ms=60_000)  # With long leases, no process counts as dead on a busy machine.
        for run_id in ids:
            assert (await engine.wait(run_id)).status == "completed"
    assert {len(done) for done in site.executions().values()} == {1}
    if site.store.startswith("postgresql"):
        with psycopg.connect(site.store) as connection:
            asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            assert connection.execute(asked).fetchone() == (0,)
    tell(f"{site.store.partition(':')[0]}: {CALM_RUNS} runs by 4 processes: no body ran twice, no deadlock")


@pytest.mark.req("R-24")
def test_eight_processes_that_need_the_same_at_once_compute_it_once(site):
    """Twenty times in a row."""
    start = PROCESSES.Barrier(8)
    workers = [
        PROCESSES.Process(target=run_at_once, args=(site.folder, site.store, start, 20)) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert (site.folder / "effects").read_text().split() == [str(number) for number in range(20)]


@ON_SQLITE
@pytest.mark.req("R-10")
def test_processes_that_open_a_new_file_at_once_all_open_it(site, tell):
    """Sometimes each of them is the first, and creates the tables."""
    start = PROCESSES.Barrier(8)
    workers = [PROCESSES.Process(target=open_at_once, args=(site.folder, start, OPENINGS)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    tell(f"sqlite: {8 * OPENINGS} of {8 * OPENINGS} openings of new files by 8 processes")


@pytest.mark.req("R-42")
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_death_at_any_commit_changes_nothing_of_the_result(site, before):
    """At each commit in turn: the next owner creates the same files, byte for byte."""
    expected, deaths = None, 0
    async with site.engine() as engine:
        for count in range(1, 40):
            run = await engine.trigger("campaign.v1", {"number": 1})
            worker = site.start(lease_ms=100, die_at=count, before=before)
            is_over = asyncio.ensure_future(engine.wait(run.id, timeout_ms=20_000))
            await eventually(lambda over=is_over, process=worker: over.done() or not process.is_alive())
            has_died = not worker.is_alive()
            deaths += has_died
            helper = site.start(lease_ms=100)
            ended = await is_over
            worker.kill()
            helper.kill()
            files = {
                step: [(file.name, await engine.read_artifact(file)) for file in found]
                for step, found in (await engine.get_run_artifacts(run.id)).items()
            }
            expected = expected or files
            assert (ended.status, len(files)) == ("completed", len(DEPENDENCIES))
            assert files == expected
            if not has_died:
                break
    assert deaths >= 8  # at least one for each level of the run


@ON_SQLITE
@pytest.mark.req("R-43")
async def test_a_late_writer_is_refused(site):
    """A process that was stopped for longer than its lease logs the loss, and writes nothing."""
    async with site.engine() as engine:
        run = await engine.trigger("campaign.v1", {"number": 1})
        first = site.start(slow="theme")
        # Wait until no other step is left: stopped in the middle of a write, it would keep SQLite's lock.
        await eventually(
            lambda: engine.get_run_steps(run.id, status="completed"), lambda done: len(done) >= WITHOUT_THEME
        )
        await site.stop_without_lock(first)
        second = site.start()
        ended = await engine.wait(run.id, timeout_ms=20_000)
        tokens = await committed_tokens(engine, run.id)
        assert (ended.status, tokens["theme"]) == ("completed", 2)
        second.kill()
        (site.folder / "go").touch()
        os.kill(first.pid, signal.SIGCONT)
        log = site.folder / f"log.{first.pid}"
        assert run.id in await eventually(log.read_text, lambda text: "run.lease_lost" in text)
        assert await committed_tokens(engine, run.id) == tokens


@pytest.mark.req("R-45")
async def test_a_run_that_kills_its_processes_is_given_up_and_the_others_complete(site):
    """After the death of six processes in a row, the run fails and names the step. Other runs complete."""
    async with site.engine() as engine:
        healthy = [(await engine.trigger("campaign.v1", {"number": number})).id for number in range(3)]
        poisoned = (await engine.trigger("campaign.v1", {"number": 9, "poison": True})).id
        workers = [site.start(lease_ms=100, poison="hero")]

        async def are_all_over():
            if not workers[-1].is_alive():
                workers.append(site.start(lease_ms=100, poison="hero"))
            return not await engine.list_runs(status=["pending", "running"], limit=1)

        await eventually(are_all_over, within_s=240)
        ended = await engine.get_run(poisoned)
        statuses = [(await engine.get_run(run_id)).status.value for run_id in healthy]
    assert (ended.status.value, ended.error["code"]) == ("failed", "RECOVERY_EXHAUSTED")
    assert "6 processes in a row died while they ran" in ended.error["message"]
    assert "step 'hero'" in ended.error["message"]
    assert statuses == ["completed"] * 3
    assert len(workers) >= 1 + 6  # More if another step has ended before a death.
