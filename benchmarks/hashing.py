"""What hashing the inputs of a step costs, compared with simpler hashes that confuse some values.

`python -m benchmarks hashing`. Neither of the others would be correct: `json.dumps` confuses a tuple with a list
and the key 1 with "1", and refuses most types; a pickle depends on the order of keys and on shared objects.
"""

from __future__ import annotations

import json
import pickle
from hashlib import sha256
from typing import Any

from benchmarks.harness import Contender, race
from benchmarks.report import Goal, Section, Table, microseconds, times
from langgraph_runner.workflow.hashing import content_hash

ROUNDS = 200
OURS = "content_hash"
JSON = "json.dumps(sort_keys), sha256"
PICKLE = "pickle, sha256"
SMALL_US = 10
LARGE_MS = 15

METHOD = """
Hashes of a step's input (a few short texts, numbers, and hashes that stand for values), and of 256 kB of records with
and without floats: the time, and the time divided by that of the second row. JSON has no canonical form of floats
across languages, so each float gets a tag.
"""

SMALL = {"brand": "Acme Tea", "count": 3, "draft": False, "theme": "0f" * 32, "pillars": "1e" * 32}
RECORD = {"id": 17, "name": "a step of the run", "score": 25, "done": True}


def records(**changes: Any) -> dict[str, Any]:
    """Return about 256 kB of JSON; no two records are the same object."""
    return {"items": [{**RECORD, **changes, "tags": ["red", "green"]} for _ in range(2_700)]}


INPUTS: dict[str, Any] = {
    "a step's input": SMALL,
    "256 kB of JSON": records(),
    "256 kB of JSON with floats": records(score=0.25),
}


def contenders(value: Any) -> list[Contender]:
    """Return all three ways to hash this value."""
    return [
        Contender(OURS, lambda _: content_hash(value)),
        Contender(JSON, lambda _: sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()),
        Contender(PICKLE, lambda _: sha256(pickle.dumps(value)).hexdigest()),
    ]


def measure(rounds: int = ROUNDS) -> Section:
    """Race the contenders for each input."""
    rows = {name: [name] for name in (OURS, JSON, PICKLE)}
    columns, best = [""], {}
    for label, value in INPUTS.items():
        figures = race(contenders(value), rounds=rounds if value is SMALL else max(1, rounds // 10)).best
        best[label] = figures[OURS]
        columns += [f"{label}, µs", "ratio"]
        for name, us in figures.items():
            rows[name] += [microseconds(us), times(us / figures[JSON])]
    goals = [
        Goal("hash of a step's input", best["a step's input"], SMALL_US, "µs"),
        Goal("hash of 256 kB of JSON", best["256 kB of JSON"] / 1e3, LARGE_MS, "ms"),
    ]
    return Section("Hashing inputs", METHOD, [Table("", columns, [*rows.values()])], goals)
