"""How long an engine keeps the event loop from others.

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
MOST_RUNS_OF_DBOS = 20
LARGE = 256_000
OURS = "`RunEngine`"
NOT_FROZEN = "`RunEngine` without `gc.freeze()`"
LANGGRAPH = 'LangGraph `StateGraph`, `AsyncSqliteSaver`, durability "async"'

METHOD = """
While a load of the sections above is carried, a coroutine on the same event loop asks to be woken every 2 ms. The
figure is the worst delay in {rounds} rounds: how long anybody else on that loop, a web server's request say, has had
to wait. Steps are awaited and do nothing, or sleep; what they do themselves, such as to make a large output, counts.
Every process has called `gc.freeze()` after its imports, as servers do, but in one column: a full collection looks at
all that the imports have left ({objects:,} objects here, {collection:.0f} ms), whatever code triggers it.
LangGraph has its `SqliteCache` where it says cached; DBOS has no cache and runs the steps. DBOS runs at most {dbos}
runs a turn, in a process of its own. One run warms up, but for those that sleep.
"""


def loads(*, steps: int = 200, runs: int = 400, in_flight: int = 200, large: int = LARGE) -> dict[str, Load]:
    """What is carried, by what it is called in the document."""
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
    """Let each carry each."""
    carried = carried or loads()
    inside = (
        here(OURS, frozen(ours())),
        here(NOT_FROZEN, ours()),
        here(LANGGRAPH, frozen(graph("async"))),
    )
    with rivals(*inside, processes=processes, max_runs=MOST_RUNS_OF_DBOS) as (field, notes):
        found = race(field, carried, rounds, notes)
    rows = [
        [name, *(milliseconds(_worst_ms(each)) for each in turns.values())] for name, turns in found.items()
    ]
    worst = max(found, key=lambda name: _worst_ms(found[name][OURS]))
    goal = Goal(
        "worst lag of the event loop",
        _worst_ms(found[worst][OURS]),
        LIMIT_MS,
        "ms",
        if_missed=f"it was at '{worst}'; the table has the others.",
    )
    objects, collection_ms = _garbage()
    method = METHOD.format(
        rounds=rounds, dbos=MOST_RUNS_OF_DBOS, objects=objects, collection=collection_ms
    ).strip()
    columns = ["Load", *(f"{name}, ms" for name in found[worst])]
    return Section("Lag of the event loop", "\n".join([method, *notes]), [Table("", columns, rows)], [goal])


def _garbage() -> tuple[int, float]:
    """How many objects a full collection looks at now, and how long that takes."""
    gc.collect()
    begin = perf_counter()
    gc.collect()
    return len(gc.get_objects()), (perf_counter() - begin) * 1e3


def _worst_ms(turns: list[Turn]) -> float:
    return max(turn.lag_ms for turn in turns)
