"""How long an engine blocks the event loop.

`python -m benchmarks engine_lag` measures it, in less than a minute.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.engine.dag import campaign, chain, row, scattered
from benchmarks.engine.langgraph_contenders import graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import here, race, rivals
from benchmarks.engine.turns import Load, frozen
from benchmarks.report import Goal, Section, Table, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.turns import Turn

ROUNDS = 2
LIMIT_MS = 25
LARGE = 256_000
OURS = "`RunEngine`"
NOT_FROZEN = "`RunEngine` without `gc.freeze()`"
LANGGRAPH = "LangGraph `StateGraph`, `AsyncSqliteSaver`, sync"

METHOD = """
While an engine runs one of the loads above, a coroutine on the same event loop asks to be woken every 2 ms. The
figure is the worst delay in {rounds} rounds: how long other work on that loop, such as a request of a web server, had
to wait. The work of the steps, such as making a large output, counts.
Every process has called `gc.freeze()` after its imports, as servers do, except in one column. Without it, a full
collection scans all objects that the imports created ({objects:,} objects here, {collection:.0f} ms). LangGraph uses
its `SqliteCache` in the row with "cached"; DBOS has no cache. DBOS has its own process.
"""


def loads(*, steps: int = 200, runs: int = 200, in_flight: int = 200, large: int = LARGE) -> dict[str, Load]:
    """Return the loads, by their label in the document."""
    return {
        "13 steps that sleep": Load(campaign(sleeps=True), warm_up=0, has_ticker=True),
        "100 random steps that sleep": Load(scattered(min(100, steps)), warm_up=0, has_ticker=True),
        f"{steps} steps in a chain": Load(chain(steps), has_ticker=True),
        f"{steps} steps side by side": Load(row(steps), has_ticker=True),
        f"{in_flight} runs in flight": Load(
            campaign(), runs=runs, in_flight=in_flight, warm_up=3, has_ticker=True
        ),
        "256 kB of output a step": Load(campaign(), runs=1, output_bytes=large, has_ticker=True),
        "256 kB of output a step, cached": Load(
            campaign(), runs=10, is_cached=True, output_bytes=large, has_ticker=True
        ),
    }


def measure(
    rounds: int = ROUNDS, carried: dict[str, Load] | None = None, processes: Sequence[str] = ("dbos",)
) -> Section:
    """Run each load with each contender."""
    carried = carried or loads()
    inside = (
        here(OURS, frozen(ours())),
        here(NOT_FROZEN, ours()),
        here(LANGGRAPH, frozen(graph())),
    )
    with rivals(*inside, processes=processes, has_cache=False) as (field, notes):
        found = race(field, carried, rounds, notes)
    names = [rival.name for rival in field]
    rows = [
        [load, *(milliseconds(_worst_ms(turns[name])) if name in turns else "" for name in names)]
        for load, turns in found.items()
    ]
    worst = max(found, key=lambda name: _worst_ms(found[name][OURS]))
    goal = Goal(
        "worst lag of the event loop",
        _worst_ms(found[worst][OURS]),
        LIMIT_MS,
        "ms",
        if_missed=f"the worst load was '{worst}'; the table has the others.",
    )
    objects, collection_ms = _garbage()
    method = METHOD.format(rounds=rounds, objects=objects, collection=collection_ms).strip()
    columns = ["Load", *(f"{name}, ms" for name in names)]
    return Section("Lag of the event loop", "\n".join([method, *notes]), [Table("", columns, rows)], [goal])


def _garbage() -> tuple[int, float]:
    """Return how many objects a full collection scans now, and how long it takes."""
    gc.collect()
    begin = perf_counter()
    gc.collect()
    return len(gc.get_objects()), (perf_counter() - begin) * 1e3


def _worst_ms(turns: list[Turn]) -> float:
    return max(turn.lag_ms for turn in turns)
