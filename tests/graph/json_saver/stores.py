"""What tests of the JSON checkpointer share: savers, checkpoints, and how to find its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import Checkpoint

from langgraph_runner.graph import JsonFileSaver


class Files:
    """The files of a store in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.head = folder / "runs" / "audit.json"
        self.history = folder / "runs" / "audit.json.history"

    def saver(self, **options: Any) -> JsonFileSaver:
        """A saver that has cached nothing yet, as in another process."""
        return JsonFileSaver(self.head, **options)

    def checkpoints(self) -> list[Path]:
        """The checkpoint files of the history, oldest id first."""
        return sorted(self.history.glob("threads/*/*/*.json"), key=lambda path: path.name)

    def writes(self) -> list[Path]:
        """The files of pending writes."""
        return sorted(self.history.glob("threads/*/*/*.writes/*.json"))

    def notes(self) -> list[Path]:
        """The notes that name the newest checkpoint of each namespace."""
        return sorted(self.history.glob("threads/*/*/newest"))

    def leftovers(self) -> list[Path]:
        """Temporary files, which a finished operation must not leave behind."""
        return [*self.head.parent.rglob(".*"), *self.history.glob("trash-*")]


def config_of(thread_id: str = "t", checkpoint_ns: str = "", checkpoint_id: str | None = None) -> Any:
    """The config that names a thread, a namespace and perhaps a checkpoint."""
    named = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
    return {"configurable": named if checkpoint_id is None else {**named, "checkpoint_id": checkpoint_id}}


def checkpoint_of(checkpoint_id: str, **values: Any) -> Checkpoint:
    """A checkpoint that holds these values."""
    return {
        "v": 4,
        "id": checkpoint_id,
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": values,
        "channel_versions": dict.fromkeys(values, 1),
        "versions_seen": {"node": dict.fromkeys(values, 1)},
        "updated_channels": sorted(values),
    }


def put(saver: JsonFileSaver, checkpoint_id: str, config: Any = None, **values: Any) -> Any:
    """Store a checkpoint, and return the config that names it."""
    return saver.put(config or config_of(), checkpoint_of(checkpoint_id, **values), {"step": 0}, {})


def values_of(saver: JsonFileSaver, config: Any = None) -> Any:
    """The state that a saver finds; None if it finds none."""
    found = saver.get_tuple(config or config_of())
    return None if found is None else found.checkpoint["channel_values"]
