"""What a checkpoint in JSON files costs as the history grows, compared with SQLite.

`python -m benchmarks json_saver` measures it, in a minute. It takes 1 GB where temporary files go.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.report import Goal, Section, Table, milliseconds, times
from langgraph_runner.graph import JsonFileSaver

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = (10, 1_000, 5_000)
STATES = {"1 KB": 1_000, "1 MB": 1_000_000}
ROUNDS = 10
TIMES_SMALL = 4
"""A factor for the rounds with a state of 1 KB: its calls are short, so noise affects them most."""
LARGE = 40_000_000
LIMIT_PUT = 4
LIMIT_READ = 4

OURS = "`JsonFileSaver`"
FULL = "`SqliteSaver`, FULL"
NORMAL = "`SqliteSaver`, NORMAL"
SYNCHRONOUS = {FULL: "FULL", NORMAL: "NORMAL"}

PUT = "put"
STEP = "put_writes and put"
READ = "get_tuple of the newest"

METHOD = """
The time of one call on a thread that already has this many checkpoints of 1 KB: `put`; `put_writes` of the whole
state by one task and the `put` after it, as in a superstep; `get_tuple` of the newest checkpoint. The measured
checkpoints are added, {added} of 1 MB and {added_small} of 1 KB. A state consists of small records. All savers write
to one folder and take turns, and pending data is flushed before each write. The times are medians, and the ratio is
that of the median round. `SqliteSaver` has a write-ahead log. `synchronous` FULL, its usual default, makes each
commit durable, as `JsonFileSaver` does; with NORMAL a power cut may lose the last commits. At the end another thread
gets a state of {large}, and the newest checkpoint of the first thread is read again. An fsync of 1 KB takes
{fsync:.2f} ms here.
"""

WHY_PUT_SMALL = (
    "SQLite commits with one fsync of its log; a checkpoint needs two, of the file and of its folder, and they take"
    " most of the time."
)
WHY_PUT_LARGE = (
    "the state is checked for values that JSON would change, indented, and written twice, to the current file and to"
    " the history, with two and a half times the bytes of msgpack; SQLite writes msgpack, once."
)
WHY_READ = (
    "each read takes the lock and verifies the checksum of the whole checkpoint; SQLite only looks into an"
    " index."
)


@dataclass
class Candidate:
    """A saver, with the newest checkpoint of each of its threads."""

    name: str
    saver: Any
    newest: dict[str, Any] = field(default_factory=dict)
    _number: int = 0

    def put(self, thread_id: str, state: dict[str, Any]) -> None:
        """Store a checkpoint as LangGraph does after a superstep."""
        self._number += 1
        number = self._number
        checkpoint: Any = {
            "v": 4,
            "id": f"1f000000-0000-6000-8000-{number:012}",
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": {**state, "step": number},
            "channel_versions": {"items": 1, "note": 1, "step": number},
            "versions_seen": {"node": {"step": number - 1}},
            "updated_channels": ["step"],
        }
        metadata: Any = {"source": "loop", "step": number}
        parent = self.newest.get(thread_id, config_of(thread_id))
        self.newest[thread_id] = self.saver.put(parent, checkpoint, metadata, {"step": number})

    def step(self, thread_id: str, state: dict[str, Any]) -> None:
        """Store the writes of a task, and the checkpoint at the end of its superstep."""
        self.saver.put_writes(self.newest[thread_id], list(state.items()), f"task-{self._number}")
        self.put(thread_id, state)

    def read(self, thread_id: str, state: dict[str, Any]) -> None:
        """Read the newest checkpoint, and check that it holds the state."""
        found = self.saver.get_tuple(config_of(thread_id)).checkpoint["channel_values"]
        assert len(found["items"]) == len(state["items"])


Figures = dict[str, list[float]]
"""The milliseconds of each candidate in every round."""


def config_of(thread_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}


def state_of(size: int) -> dict[str, Any]:
    """Make a state with this many bytes of compact JSON, in small records as nodes return them."""
    record = {"id": 17, "name": "a step of the run", "score": 0.25, "tags": ["red", "green"], "done": True}
    return {
        "items": [{**record, "tags": ["red", "green"]} for _ in range(max(1, size // 93))],
        "note": "x" * 20,
    }


def duration_ms(call: Callable[[], Any]) -> float:
    """Return how long a call takes, in milliseconds."""
    begin = perf_counter()
    call()
    return (perf_counter() - begin) * 1e3


def candidates(folder: Path, stack: ExitStack) -> list[Candidate]:
    """Return our saver, and SQLite's with each setting. The stack closes the databases."""
    made = [Candidate(OURS, JsonFileSaver(folder / "audit.json"))]
    for name, synchronous in SYNCHRONOUS.items():
        path = folder / f"{synchronous}.db"
        connection = stack.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
        saver = SqliteSaver(connection)
        saver.setup()
        connection.execute(f"PRAGMA synchronous={synchronous}")
        made.append(Candidate(name, saver))
    return made


def race(field_: list[Candidate], thread_id: str, state: dict[str, Any], rounds: int) -> dict[str, Figures]:
    """Return the figures of each call. The candidates take turns, and each round starts with another one."""
    figures: dict[str, Figures] = {call: {each.name: [] for each in field_} for call in (PUT, STEP, READ)}
    for number in range(rounds):
        first = number % len(field_)
        for each in field_[first:] + field_[:first]:
            for name, call in ((PUT, each.put), (STEP, each.step), (READ, each.read)):
                if call != each.read:
                    os.sync()  # Otherwise the fsync of one saver would also wait for pending data of another.
                figures[name][each.name].append(duration_ms(lambda: call(thread_id, state)))  # noqa: B023 - called at once
    return figures


def beside_a_large_state(
    field_: list[Candidate], thread_id: str, small: dict[str, Any], rounds: int, large: int
) -> Figures:
    """Return the figures of reading a small thread after another thread has written a large state."""
    figures: Figures = {each.name: [] for each in field_}
    for each in field_:
        each.put(thread_id, small)
        each.put("large", state_of(large))
    for _ in range(rounds):
        for each in field_:
            figures[each.name].append(duration_ms(lambda: each.read(thread_id, small)))  # noqa: B023 - called at once
    return figures


def fsync_ms(folder: Path) -> float:
    """Return how long an fsync of a small file takes, in milliseconds."""

    def write() -> None:
        with (folder / "probe").open("wb") as file:
            file.write(b"x" * 1_000)
            file.flush()
            os.fsync(file.fileno())

    return median(duration_ms(write) for _ in range(50))


def measure(
    rounds: int = ROUNDS, counts: tuple[int, ...] = COUNTS, parent: str | None = None, large: int = LARGE
) -> Section:
    """Measure each state on each history. Files are created in `parent` and removed again."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    small = state_of(STATES["1 KB"])
    found: dict[tuple[str, int], dict[str, Figures]] = {}
    try:
        with ExitStack() as stack:
            racing = candidates(folder, stack)
            for count in counts:
                for each in racing:
                    for _ in range(count):
                        each.put(str(count), small)
                for name, size in STATES.items():
                    factor = TIMES_SMALL if size == STATES["1 KB"] else 1
                    found[name, count] = race(racing, str(count), state_of(size), factor * rounds)
            beside = beside_a_large_state(racing, str(counts[0]), small, TIMES_SMALL * rounds, large)
            method = METHOD.format(
                added=2 * rounds,
                added_small=2 * TIMES_SMALL * rounds,
                fsync=fsync_ms(folder),
                large=f"{large / 1_000_000:g} MB",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tables = [_table(call, found) for call in (PUT, STEP, READ)]
    goals = _goals(found, max(counts))
    text = f"{READ}, 1 KB, while the file to open shows {large / 1_000_000:g} MB of another thread"
    goals.append(Goal(text, _ratio(beside), LIMIT_READ, if_missed=WHY_READ))
    return Section("Checkpoints in files", method, tables, goals)


def _goals(found: dict[tuple[str, int], dict[str, Figures]], count: int) -> list[Goal]:
    goals = []
    for size, reason in zip(STATES, (WHY_PUT_SMALL, WHY_PUT_LARGE), strict=True):
        text = f"{PUT}, {size} on {count:,} checkpoints compared with SQLite with durable commits"
        goals.append(Goal(text, _ratio(found[size, count][PUT]), LIMIT_PUT, if_missed=reason))
    slowest = max(_ratio(figures[READ]) for figures in found.values())
    text = f"{READ}, on any history, compared with SQLite with durable commits"
    return [*goals, Goal(text, slowest, LIMIT_READ, if_missed=WHY_READ)]


def _table(call: str, found: dict[tuple[str, int], dict[str, Figures]]) -> Table:
    names = [OURS, *SYNCHRONOUS]
    rows = []
    for (size, count), figures in found.items():
        of_call = figures[call]
        cells = [milliseconds(median(of_call[name])) for name in names]
        rows.append([f"{size} on {count:,}", times(_ratio(of_call)), *cells])
    columns = ["State on checkpoints", "JSON relative to FULL", *(f"{name}, ms" for name in names)]
    return Table(call, columns, sorted(rows, key=lambda cells: cells[0].split(" on ")[0]))


def _ratio(figures: Figures) -> float:
    return median(ours / theirs for ours, theirs in zip(figures[OURS], figures[FULL], strict=True))
