"""How long large outputs of steps block the event loop.

`python -m benchmarks engine_large_outputs` measures it, in some minutes.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from benchmarks.engine.turns import ticking
from benchmarks.report import Goal, Section, Table, milliseconds
from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 2
COUNT = 500_000
LIMIT_MS = 250

METHOD = """
An async step returns an output of {count:,} items that was made before the run; a second step receives it; then
`get_output()` reads it. The lag is measured as above, without `gc.freeze()`. Lists and dicts are processed in chunks.
Python's garbage collector scans all models of a list at once; the row without the collector shows how much of the
delay that is. The goal excludes the two rows that chunks cannot improve: models with the collector on, and one model
that contains everything.
"""


class Row(BaseModel):
    """An item."""

    id: int
    name: str
    score: float


class Rows(BaseModel):
    """A model that contains many items."""

    rows: list[Row]


@dataclass(frozen=True)
class Shape:
    """A type of output, and a function that makes an output with a given number of items."""

    declared: Any
    make: Callable[[int], Any]
    collects: bool = True
    """Whether Python's garbage collector is on."""
    is_in_pieces: bool = True
    """Whether processing in chunks keeps its lag short, so that it counts for the goal."""


@dataclass(frozen=True)
class Lag:
    """The figures of one round."""

    megabytes: float
    run_s: float
    run_ms: float
    read_ms: float


def shapes() -> dict[str, Shape]:
    """Return the outputs to measure, by their label in the document."""
    return {
        "`dict[str, str]`": Shape(dict[str, str], lambda n: {f"{i:06d}{'k' * 60}": str(i) for i in range(n)}),
        "dict of lists, no type declared": Shape(
            Any, lambda n: {f"{i:06d}{'k' * 60}": [i, i * 1.5] for i in range(n)}
        ),
        "list of dicts, no type declared": Shape(Any, _records),
        "`list[dict]`": Shape(list[dict[str, Any]], _records),
        '`{"rows": [...]}`, no type declared': Shape(Any, lambda n: {"rows": _records(n)}),
        "`list[Row]`, models, collector off": Shape(list[Row], _rows, collects=False),
        "`list[Row]`, models": Shape(list[Row], _rows, is_in_pieces=False),
        "list of ten times as many ints": Shape(list[int], lambda n: [*range(10 * n)]),
        "50 texts of 100 characters an item": Shape(list[str], lambda n: ["x" * (2 * n)] * 50),
        "a model with such a list": Shape(Rows, lambda n: Rows(rows=_rows(n)), is_in_pieces=False),
    }


def measure(rounds: int = ROUNDS, count: int = COUNT) -> Section:
    """Measure a step that returns each output."""
    carried = shapes()
    found = {name: [_measured(shape, count) for _ in range(rounds)] for name, shape in carried.items()}
    rows = [
        [
            name,
            f"{lags[0].megabytes:.1f}",
            f"{min(lag.run_s for lag in lags):.1f}",
            milliseconds(max(lag.run_ms for lag in lags)),
            milliseconds(max(lag.read_ms for lag in lags)),
        ]
        for name, lags in found.items()
    ]
    divided = {
        name: max(max(lag.run_ms, lag.read_ms) for lag in lags)
        for name, lags in found.items()
        if carried[name].is_in_pieces
    }
    slowest = max(divided, key=lambda name: divided[name])
    goal = Goal(
        "worst lag during a large output in chunks",
        divided[slowest],
        LIMIT_MS,
        "ms",
        if_missed=f"the worst output was {slowest}; the table has the others.",
    )
    columns = [
        "Output",
        "MB of JSON",
        "run, s",
        "worst lag of the run, ms",
        "worst lag of `get_output()`, ms",
    ]
    method = METHOD.format(rounds=rounds, count=count).strip()
    return Section("Large outputs", method, [Table("", columns, rows)], [goal])


def _measured(shape: Shape, count: int) -> Lag:
    was_on = gc.isenabled()
    try:
        if not shape.collects:
            gc.disable()
        return asyncio.run(_lag(shape, count))
    finally:
        if was_on:
            gc.enable()


async def _lag(shape: Shape, count: int) -> Lag:
    made = [shape.make(count)]
    flow = Workflow("bench.large", cache="none")

    async def report() -> Any:
        return made.pop()

    async def reader(report: Any) -> bool:
        return report is not None

    flow.step(report, id="report", output=shape.declared)
    flow.step(reader, id="reader", output=bool)
    gc.collect()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = f"sqlite:///{Path(folder) / 'runs.db'}"
        async with RunEngine([flow], store=store, artifacts=Path(folder) / "artifacts") as engine:
            begin = perf_counter()
            async with ticking(is_wanted=True) as running:
                run = await engine.run("bench.large", raise_on_failure=True)
            run_s = perf_counter() - begin
            async with ticking(is_wanted=True) as reading:
                await engine.get_output(run.id, "report")
            size = len(await engine.get_output_json(run.id, "report"))
    return Lag(size / 1e6, run_s, running.worst_ms, reading.worst_ms)


def _records(count: int) -> list[dict[str, Any]]:
    return [{"id": i, "name": f"n{i}", "score": i * 1.5} for i in range(count)]


def _rows(count: int) -> list[Row]:
    return [Row(id=i, name=f"n{i}", score=i * 1.5) for i in range(count)]
