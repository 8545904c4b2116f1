"""What it costs to copy the state for each attempt of a node with a retry."""

from __future__ import annotations

import copy
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.report import Goal, Section, Table, milliseconds, times
from langgraph_runner import create_node

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
DOCUMENTS, FLOATS = 2_000, 1_536
LIMIT = 0.25

METHOD = f"""
A state of {DOCUMENTS:,} documents, each with an embedding of {FLOATS:,} floats, passes through a node that only
counts. With a retry, every attempt gets its own copy of the state. A list of plain values is copied as a whole.
The copy stops after 250,000 elements; the rest of the state is shared.
"""

WITHOUT, WITH, DEEP = "without a retry", "with a retry", "`copy.deepcopy`"


def state_of(documents: int = DOCUMENTS) -> dict[str, Any]:
    """Return documents as a vector store returns them."""
    return {
        "documents": [
            {"id": number, "text": "a page", "embedding": [0.5] * FLOATS} for number in range(documents)
        ]
    }


def contenders() -> dict[str, Callable[[Any], Any]]:
    """Return the contenders."""
    return {
        WITHOUT: create_node(lambda state: {"seen": len(state["documents"])}),
        WITH: create_node(lambda state: {"seen": len(state["documents"])}, retry=2),
        DEEP: copy.deepcopy,
    }


def measure(rounds: int = ROUNDS, documents: int = DOCUMENTS) -> Section:
    """Time the contenders in turns."""
    state, field = state_of(documents), contenders()
    found: dict[str, list[float]] = {name: [] for name in field}
    for _ in range(rounds):
        for name, call in field.items():
            begin = perf_counter()
            call(state)
            found[name].append((perf_counter() - begin) * 1e3)
    middle = {name: median(each) for name, each in found.items()}
    rows = [[name, times(each / middle[DEEP]), milliseconds(each)] for name, each in middle.items()]
    return Section(
        title="A large state",
        method=METHOD,
        tables=[Table("", ["A call", "Ratio to `copy.deepcopy`", "Median, ms"], rows)],
        goals=[
            Goal("the copy for an attempt compared with `copy.deepcopy`", middle[WITH] / middle[DEEP], LIMIT)
        ],
    )
