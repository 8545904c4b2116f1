"""How many runs complete in a second while many are in flight.

`python -m benchmarks engine_throughput` measures it, in about a minute.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.engine.bare import grouped
from benchmarks.engine.dag import campaign
from benchmarks.engine.langgraph_contenders import graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import here, race, rivals
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.turns import Turn

ROUNDS = 3
RUNS = 600
IN_FLIGHT = 200
LIMIT = 500
LIMIT_TIMES_LANGGRAPH = 5.7
"""500 divided by 87: what LangGraph, with durability "async", completed on the machine where the limit was set."""
OURS = "`RunEngine`"
GROUPED = "SQLite alone: a thread that groups commits"
LANGGRAPH = "LangGraph `StateGraph`, `AsyncSqliteSaver`, sync"

METHOD = """
{runs} runs of the thirteen steps of the campaign, which do nothing; {in_flight} are in flight at any time, and the
cache is off. `RunEngine` has its defaults except for `max_active_runs={in_flight}`. SQLite has `synchronous` FULL for
all contenders, and a step is durable before the next ones start. SQLite alone inserts a row for each step, without
runs, leases and events. LangGraph and DBOS have {in_flight} runs in a turn, because more would take too long. DBOS
has its default settings and its own process.
"""


def measure(
    rounds: int = ROUNDS,
    runs: int = RUNS,
    in_flight: int = IN_FLIGHT,
    processes: Sequence[str] = ("dbos",),
) -> Section:
    """Race the contenders."""
    load = Load(campaign(), runs=runs, in_flight=in_flight, warm_up=3)
    inside = (
        here(GROUPED, grouped),
        here(OURS, ours()),
        here(LANGGRAPH, graph(), max_runs=in_flight),
    )
    with rivals(*inside, processes=processes, max_runs=in_flight) as (field, notes):
        turns = race(field, {"": load}, rounds, notes)[""]
    rows = [
        [
            name,
            f"{_runs_a_second(each):,.0f}",
            f"{max(_rates(each)):,.0f}",
            f"{median(median(turn.runs_ms) for turn in each):,.0f}",
        ]
        for name, each in turns.items()
    ]
    columns = ["Contender", "Runs a second, median", "Best", "A run from its start to its end, ms"]
    thread_us = median(turn.thread_ms / len(turn.runs_ms) * 1e3 for turn in turns[OURS])
    why = (
        f"a run keeps the thread of the event loop busy for {thread_us:,.0f} µs, so one process could do at most"
        f" {1e6 / thread_us:,.0f} a second even if writing cost nothing; the writer thread also takes its share of"
        " the interpreter's lock."
    )
    ours_a_second = _runs_a_second(turns[OURS])
    text = f"runs a second, 13 steps, {in_flight} in flight"
    goals = [
        Goal(text, ours_a_second, LIMIT, at_least=True, if_missed=why),
        Goal(
            f"{text} compared with LangGraph's",
            ours_a_second / _runs_a_second(turns[LANGGRAPH]),
            LIMIT_TIMES_LANGGRAPH,
            at_least=True,
            if_missed=why,
        ),
    ]
    method = METHOD.format(runs=runs, in_flight=in_flight).strip()
    return Section("Runs a second", "\n".join([method, *notes]), [Table("", columns, rows)], goals)


def _rates(turns: list[Turn]) -> list[float]:
    return [len(turn.runs_ms) / turn.total_ms * 1e3 for turn in turns]


def _runs_a_second(turns: list[Turn]) -> float:
    return median(_rates(turns))
