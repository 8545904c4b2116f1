"""How much waiting runs slow down new runs.

`python -m benchmarks engine_backlog` measures it, in about a minute and a half.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report import Goal, Section, Table, milliseconds, times
from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 3
WAITING = (0, 50_000)
RUNS = 300
ACTIVE = 16
LIMIT = 1.5
_AT_ONCE = 500

METHOD = """
Runs of one step that does nothing, on a SQLite file with `synchronous` FULL; the cache is off. With each number of
waiting runs, a program that executes no runs triggers {runs} more, one after another. Then an engine with
`max_active_runs={active}` executes {runs} runs. The figures are medians of {rounds} rounds.
"""


class _Figures(NamedTuple):
    trigger_ms: float
    runs_a_second: float


def measure(rounds: int = ROUNDS, waiting: Sequence[int] = WAITING, runs: int = RUNS) -> Section:
    """Measure each backlog in its own database."""
    most = max(waiting)
    found = {f"{count:,}": asyncio.run(_with(count, rounds, runs)) for count in waiting}
    others = f"{most:,} of a workflow that is unknown to the engine"
    found[others] = asyncio.run(_with(most, rounds, runs, workflow="other.v1"))
    none = found[f"{min(waiting):,}"]
    rows, costs, delays = [], [], []
    for what, each in found.items():
        costlier, slower = each.trigger_ms / none.trigger_ms, none.runs_a_second / each.runs_a_second
        figures = [
            milliseconds(each.trigger_ms),
            times(costlier),
            f"{each.runs_a_second:,.0f}",
            times(slower),
        ]
        rows.append([what, *figures])
        if each is not none:
            costs.append(costlier)
            delays.append(slower)
    why = "a claim or an insert reads more rows than it needs."
    goals = [
        Goal(f"`trigger()` with {most:,} waiting runs, relative to none", max(costs), LIMIT, if_missed=why),
        Goal(f"a run with {most:,} waiting runs, relative to none", max(delays), LIMIT, if_missed=why),
    ]
    return Section(
        "Runs that wait",
        METHOD.format(runs=runs, active=ACTIVE, rounds=rounds),
        [Table("", ["Waiting", "`trigger()`, ms", "ratio", "Runs a second", "ratio of times"], rows)],
        goals,
    )


async def _with(waiting: int, rounds: int, runs: int, workflow: str = "bench.v1") -> _Figures:
    done = 0
    enough = asyncio.Event()
    flow, other = Workflow("bench.v1"), Workflow("other.v1")
    other.step(lambda: 1, id="work", output=int)

    @flow.step(cache="none")
    async def work() -> int:
        nonlocal done
        done += 1
        if done == runs:
            enough.set()
        return 1

    trigger_ms, rates = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{Path(folder) / 'runs.db'}"
        async with RunEngine([flow, other], store=store) as client:
            client.take_on("none")
            for _ in range(0, waiting, _AT_ONCE):
                await asyncio.gather(*(client.trigger(workflow) for _ in range(_AT_ONCE)))
            for _ in range(rounds):
                done = 0
                enough.clear()
                for _ in range(runs):
                    begin = perf_counter()
                    await client.trigger("bench.v1")
                    trigger_ms.append((perf_counter() - begin) * 1e3)
                async with RunEngine([flow], store=store, max_active_runs=ACTIVE) as engine:
                    begin = perf_counter()
                    await engine.start()
                    await enough.wait()
                    rates.append(runs / (perf_counter() - begin))
    return _Figures(median(trigger_ms), median(rates))
