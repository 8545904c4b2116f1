"""What a run costs if all of its steps are cached.

`python -m benchmarks engine_cached` measures it, in less than a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.engine.dag import campaign
from benchmarks.engine.langgraph_contenders import graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import best_ms, here, median_ms, race
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section, Table, milliseconds, times

if TYPE_CHECKING:
    from benchmarks.engine.turns import Turn

ROUNDS = 3
RUNS = 10
LARGE = 256_000
COLD = "`RunEngine`, from the database"
WARM = "`RunEngine`, from the tier in the process"
READING = "`RunEngine`, from the database, and the last output read"
LANGGRAPH = "LangGraph `StateGraph`, `SqliteCache`, `AsyncSqliteSaver`, sync"
LIMITS_MS = {"tiny outputs": 6, "256 kB of output a step": 15}

METHOD = """
{runs} new runs of the campaign, one after another, with all of the thirteen steps cached: the median, and the median
divided by that of the first row. The database is on disk, and the run is durable: its row, steps and events are
written like those of any run. *From the database*: the tier in the process is emptied before each run. A run with
hits only never loads an output; a caller reads the result after the run, as in the third row. LangGraph's cache uses
the input of a node as the key. It loads each output into the state, which the caller gets. Its run is durable, too.
"""


def measure(rounds: int = ROUNDS, runs: int = RUNS, large: int = LARGE) -> Section:
    """Race the contenders with both sizes of output."""
    dag = campaign()
    sizes = dict(zip(LIMITS_MS, (0, large), strict=True))
    loads = {
        name: Load(dag, runs=runs, warm_up=3, is_cached=True, output_bytes=size)
        for name, size in sizes.items()
    }
    field = (
        here(COLD, ours(is_hot=False)),
        here(WARM, ours()),
        here(READING, ours(is_hot=False, reads_last=True)),
        here(LANGGRAPH, graph()),
    )
    found = race(field, loads, rounds)
    columns = ["Contender"]
    for name in found:
        columns += [f"{name[0].upper()}{name[1:]}, ms", "ratio"]
    rows = []
    for rival in next(iter(found.values())):
        cells = [rival]
        for turns in found.values():
            ms = median_ms(turns[rival])
            cells += [milliseconds(ms), times(ms / median_ms(turns[COLD]))]
        rows.append(cells)
    goals = [_goal(name, turns) for name, turns in found.items()]
    return Section("A cached run", METHOD.format(runs=runs), [Table("", columns, rows)], goals)


def _goal(name: str, turns: dict[str, list[Turn]]) -> Goal:
    cold, warm = median_ms(turns[COLD]), median_ms(turns[WARM])
    why = (
        f"the best was {best_ms(turns[COLD]):.2f} ms; the look-up in the database is {cold - warm:.2f} ms of it, the"
        " rest is to make the run, to decide on each step and to commit twice."
    )
    return Goal(f"cached run of 13 steps, {name}", cold, LIMITS_MS[name], "ms", if_missed=why)
