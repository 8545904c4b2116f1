"""How much longer a run takes than the critical path through its steps.

`python -m benchmarks engine_makespan` measures it, in five minutes.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.engine.bare import asyncio_alone, grouped
from benchmarks.engine.dag import campaign, scattered
from benchmarks.engine.langgraph_contenders import functional, graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import all_runs_ms, here, race, rivals
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section, Table, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.dag import Dag
    from benchmarks.engine.turns import Turn

ROUNDS = 3
LIMIT = 1.02
OURS = "`RunEngine`, SQLite"
FLOOR = "asyncio alone, nothing kept"
DURABLE_FLOOR = "asyncio and SQLite alone: a commit after each step"

METHOD = """
The time of a run divided by the longest sum of sleeps along a path (in the title of the column), the lower bound of
any run. The campaign has thirteen steps of 40 to 380 ms in eight levels. The random DAG has a hundred steps of 20 to
400 ms; each depends on up to three of the twenty before it. The databases are on disk. A step is durable before its
dependents start, except in LangGraph's functional API, which stores a result while the next tasks run. A `StateGraph`
waits for the whole superstep before it starts the next steps; elsewhere each step starts as soon as its dependencies
have ended. The asyncio rows show the cost of sleeping and of fsyncs. DBOS runs in its own process with default
settings.
"""


def measure(
    rounds: int = ROUNDS, dags: dict[str, Dag] | None = None, processes: Sequence[str] = ("dbos",)
) -> Section:
    """Race the contenders on each DAG, and on the same DAGs with steps half as long."""
    dags = dags or {"13 steps": campaign(sleeps=True), "100 random steps": scattered(100)}
    shorter = {f"{name}, half as long": dag.halved() for name, dag in dags.items()}
    loads = {name: Load(dag) for name, dag in (dags | shorter).items()}
    inside = (
        here(FLOOR, asyncio_alone),
        here(DURABLE_FLOOR, grouped),
        here(OURS, ours()),
        here("LangGraph `StateGraph`, SQLite", graph()),
        here("LangGraph functional API, SQLite", functional()),
    )
    with rivals(*inside, processes=processes) as (field, notes):
        found = race(field, loads, rounds, notes)
    columns = ["Contender", *(f"{name}: {load.dag.critical_path_ms:,.0f} ms" for name, load in loads.items())]
    rows = [
        [rival, *(times(_over(load.dag, found[name][rival])) for name, load in loads.items())]
        for rival in next(iter(found.values()))
    ]
    goals = []
    for name, dag in dags.items():
        over = _over(dag, found[name][OURS])
        floors = (_over(dag, found[name][each]) for each in (FLOOR, DURABLE_FLOOR))
        goals.append(
            Goal(f"makespan over the critical path, {name}", over, LIMIT, if_missed=_why(dag, over, *floors))
        )
    return Section(
        "Makespan of a run", "\n".join([METHOD.strip(), *notes]), [Table("", columns, rows)], goals
    )


def _over(dag: Dag, turns: list[Turn]) -> float:
    return median(all_runs_ms(turns)) / dag.critical_path_ms


def _why(dag: Dag, over: float, floor: float, durable_floor: float) -> str:
    beyond_ms = (over - durable_floor) * dag.critical_path_ms
    return (
        f"asyncio alone takes {floor:.3f} here, and {durable_floor:.3f} with only a commit after each"
        f" step, whose fsync waits for a disk that was idle; the engine adds {beyond_ms:.1f} ms to that."
    )
