"""What a durable step that does nothing costs: in a chain, side by side, and in a small run.

`python -m benchmarks engine_steps` measures it, in less than a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.engine.bare import grouped, inserts
from benchmarks.engine.dag import campaign, chain, row
from benchmarks.engine.langgraph_contenders import graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import beside, best_ms, here, median_ms, race, rivals
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section, Table, milliseconds, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.turns import Turn

ROUNDS = 4
STEPS = 200
RUNS = 15
OURS = "`RunEngine`"
INSERTS = "SQLite alone: an insert and a commit each"
GROUPED = "SQLite alone: a thread that groups commits"
LANGGRAPH = "LangGraph `StateGraph`, `AsyncSqliteSaver`, sync"

METHOD = """
Awaited steps that do nothing and return a number. Each is durable before the steps that depend on it start: {steps}
in a chain, {steps} side by side, and the thirteen of the campaign in {runs} runs one after another. Each pair of
columns is the median time of a step, or of the run of 13, and the time divided by that of the first row, in the
median round. SQLite is on disk with a write-ahead log and `synchronous` FULL, so each commit ends with an fsync. The
rows of SQLite alone show that cost, without runs, hashes, leases and events. LangGraph's `durability` is "sync".
DBOS has its default settings and its own process.
"""


def measure(
    rounds: int = ROUNDS, steps: int = STEPS, runs: int = RUNS, processes: Sequence[str] = ("dbos",)
) -> Section:
    """Race the contenders on each shape."""
    in_chain, in_row, alone = f"{steps} in a chain", f"{steps} side by side", "A run of 13 steps"
    loads = {
        in_chain: Load(chain(steps)),
        in_row: Load(row(steps)),
        alone: Load(campaign(), runs=runs, warm_up=2),
    }
    inside = (
        here(INSERTS, inserts),
        here(GROUPED, grouped),
        here(OURS, ours()),
        here(LANGGRAPH, graph()),
    )
    with rivals(*inside, processes=processes) as (field, notes):
        found = race(field, loads, rounds, notes)
    divisors = {in_chain: steps, in_row: steps, alone: 1}
    goals = [
        *_goals("durable step in a chain", found[in_chain], steps, 0.6, langgraph_ms=0.67),
        *_goals("durable step side by side", found[in_row], steps, 0.10, langgraph_ms=0.48),
        *_goals("run of 13 steps that do nothing", found[alone], 1, 8, langgraph_ms=9.5),
    ]
    method = METHOD.format(steps=steps, runs=runs).strip()
    return Section("Durable steps", "\n".join([method, *notes]), [table(found, divisors, INSERTS)], goals)


def _goals(
    text: str, turns: dict[str, list[Turn]], divisor: int, limit_ms: float, *, langgraph_ms: float
) -> list[Goal]:
    """Return a goal in ms, and one relative to LangGraph, which took `langgraph_ms` when the limit was set."""
    bare_ms, median_of_ours = median_ms(turns[GROUPED]) / divisor, median_ms(turns[OURS]) / divisor
    why = (
        f"the best was {best_ms(turns[OURS]) / divisor:.3f} ms; the same commits without an engine take"
        f" {bare_ms:.3f} ms here, so {median_of_ours - bare_ms:.3f} ms are the engine's own work."
    )
    return [
        Goal(text, median_of_ours, limit_ms, "ms", if_missed=why),
        Goal(
            f"{text} compared with LangGraph's",
            beside(turns, OURS, LANGGRAPH),
            round(limit_ms / langgraph_ms, 2),
            if_missed=why,
        ),
    ]


def table(found: dict[str, dict[str, list[Turn]]], divisors: dict[str, int], base: str) -> Table:
    """Return the times of each contender for each load, absolute and relative to one contender.

    Args:
        found: The turns of each contender, by load.
        divisors: For each load the number of steps in a run, to get the time of a step; 1 to get the time of a run.
        base: The contender that the others are compared with.
    """
    columns = ["Contender"]
    for load in divisors:
        columns += [f"{load}, ms", "ratio"]
    rows = []
    for name in next(iter(found.values())):
        cells = [name]
        for load, divisor in divisors.items():
            cells += [
                milliseconds(median_ms(found[load][name]) / divisor),
                times(beside(found[load], name, base)),
            ]
        rows.append(cells)
    return Table("", columns, rows)
