"""What a checkpoint costs in JSON files, beside SQLite, as the history grows.

Run `python -m benchmarks.json_saver`. Each figure is the median of the last ten `put` calls (or of ten reads)
when the store holds so many checkpoints, in milliseconds of the machine it runs on. Both savers write to the
same folder and make each checkpoint durable before they return. The 1 MB history takes about 3 GB.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.sqlite import SqliteSaver

from langgraph_runner.graph import JsonFileSaver

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = (10, 100, 1_000)
STATES = {"1 KB": 1_000, "1 MB": 1_000_000}
SAMPLE = 10
CONFIG: Any = {"configurable": {"thread_id": "bench", "checkpoint_ns": ""}}


def state_of(size: int) -> dict[str, Any]:
    """Make a state of so many bytes of compact JSON, in records as nodes leave them."""
    record = {"id": 17, "name": "a step of the run", "score": 0.25, "tags": ["red", "green"], "done": True}
    return {"items": [dict(record) for _ in range(max(1, size // 93))], "note": "x" * 20}


def put(saver: Any, number: int, state: dict[str, Any], parent: Any) -> Any:
    """Store a checkpoint as LangGraph does after a superstep; gives its config."""
    checkpoint: Any = {
        "v": 4,
        "id": f"1f000000-0000-6000-8000-{number:012}",
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": {**state, "step": number},
        "channel_versions": {"items": 1, "note": 1, "step": number},
        "versions_seen": {"node": {"step": number - 1}},
        "updated_channels": ["step"],
    }
    return saver.put(parent, checkpoint, {"source": "loop", "step": number}, {"step": number})


def milliseconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call takes, and what it gives."""
    begin = perf_counter()
    result = call()
    return (perf_counter() - begin) * 1e3, result


def measure(saver: Any, size: int, counts: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """Milliseconds of a `put` and of a read of the newest checkpoint, at each number of checkpoints."""
    state, parent = state_of(size), CONFIG
    puts: list[float] = []
    figures = {}
    for number in range(1, max(counts) + 1):
        taken, parent = milliseconds(lambda: put(saver, number, state, parent))  # noqa: B023 - called at once
        puts.append(taken)
        if number in counts:
            reads = [milliseconds(lambda: saver.get_tuple(CONFIG))[0] for _ in range(SAMPLE)]
            figures[number] = (median(puts[-SAMPLE:]), median(reads))
    return figures


def measure_json(folder: Path, size: int, counts: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """The figures of `JsonFileSaver`."""
    return measure(JsonFileSaver(folder / "audit.json"), size, counts)


def measure_sqlite(folder: Path, size: int, counts: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """The figures of LangGraph's `SqliteSaver`, as it comes: a write-ahead log, and an fsync at each commit."""
    with closing(sqlite3.connect(folder / "audit.db", check_same_thread=False)) as connection:
        return measure(SqliteSaver(connection), size, counts)


def fsync_ms(folder: Path) -> float:
    """What the disk takes to make a small file durable."""

    def write() -> None:
        with (folder / "probe").open("wb") as file:
            file.write(b"x" * 1_000)
            file.flush()
            os.fsync(file.fileno())

    return median(milliseconds(write)[0] for _ in range(50))


def main(parent: str | None = None, counts: tuple[int, ...] = COUNTS) -> list[str]:
    """Print the table, and give its rows. The files are made, and removed, in `parent`."""
    rows = [
        "| state | checkpoints | put, JSON | put, SQLite | read, JSON | read, SQLite |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        rows.insert(0, f"One fsync of 1 KB: {fsync_ms(folder):.2f} ms. All figures in ms.\n")
        for name, size in STATES.items():
            place = folder / name
            place.mkdir()
            ours, theirs = measure_json(place, size, counts), measure_sqlite(place, size, counts)
            for count in counts:
                figures = [ours[count][0], theirs[count][0], ours[count][1], theirs[count][1]]
                rows.append(f"| {name} | {count:,} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
            shutil.rmtree(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(rows))
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:2])
