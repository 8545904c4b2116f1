"""What a step costs the event loop, without a database.

`python -m benchmarks engine_cost` measures it, in about half a minute.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.engine.bare import asyncio_alone
from benchmarks.engine.dag import layers
from benchmarks.engine.langgraph_contenders import functional, graph, in_memory
from benchmarks.engine.ours import ours
from benchmarks.engine.race import here, race
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section, Table, microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.engine.turns import Turn

ROUNDS = 3
COUNTS = (100, 1_000, 10_000)
MOST_STEPS_OF_LANGGRAPH = 1_000
LIMIT_US = 120
LIMIT_FLAT = 2
OURS = "`RunEngine`, in memory"

METHOD = """
Awaited steps that do nothing, in layers of ten; each depends on two steps of the layer above. The figure is the
processor time of the event loop's thread, divided by the number of steps, without that of the writer thread. The
database is in memory, and LangGraph's checkpoints are, too, with durability "sync". asyncio alone stores nothing.
LangGraph's contenders have runs of up to {most:,} steps; longer runs would take too long.
"""


def measure(rounds: int = ROUNDS, counts: Sequence[int] = COUNTS) -> Section:
    """Race the contenders on runs of several lengths."""
    loads = {f"{count:,}": Load(layers(count), warm_up=1) for count in counts}
    field = (
        here("asyncio alone", asyncio_alone),
        here(OURS, ours(in_memory=True)),
        here("LangGraph `StateGraph`, `InMemorySaver`", graph(in_memory), max_steps=MOST_STEPS_OF_LANGGRAPH),
        here(
            "LangGraph functional API, `InMemorySaver`",
            functional(in_memory),
            max_steps=MOST_STEPS_OF_LANGGRAPH,
        ),
    )
    found = race(field, loads, rounds)
    rows = [
        [
            rival.name,
            *(
                microseconds(_step_us(turns[rival.name], count)) if rival.name in turns else ""
                for count, turns in zip(counts, found.values(), strict=True)
            ),
        ]
        for rival in field
    ]
    ours_us = [_step_us(turns[OURS], count) for count, turns in zip(counts, found.values(), strict=True)]
    goals = [
        Goal(
            f"engine's own cost of a step, up to {max(counts):,} steps",
            max(ours_us),
            LIMIT_US,
            "µs",
            if_missed=WHY,
        ),
        Goal(
            "most expensive length of a run compared with the cheapest",
            max(ours_us) / min(ours_us),
            LIMIT_FLAT,
            if_missed="some part of the engine's loop reads more than what has changed since the last pass.",
        ),
    ]
    columns = ["Contender", *(f"{count:,} steps, µs a step" for count in counts)]
    return Section(
        "The engine's own cost",
        METHOD.format(most=MOST_STEPS_OF_LANGGRAPH),
        [Table("", columns, rows)],
        goals,
    )


WHY = (
    "each step needs a hash of its inputs, a task, a node with its context and its record, checks of its output, and"
    " rows and events for the writer; none of these takes most of the time."
)


def _step_us(turns: list[Turn], count: int) -> float:
    return median(turn.thread_ms for turn in turns) * 1e3 / count
