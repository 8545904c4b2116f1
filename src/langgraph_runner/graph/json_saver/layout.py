"""Where the files of a store are.

    runs/audit.json                     the newest checkpoint of the root namespace: open this one
    runs/audit.json.history/
        lock, lock.gate
        threads/<thread id>/<checkpoint namespace>/
            <checkpoint id>.json        a whole checkpoint
            <checkpoint id>.writes/
                <task id>.json          the pending writes of one task

Each file is complete in itself, so one checkpoint costs the same however many there are before it, and any of
them can be removed without touching another. `names` says how an id becomes a file name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.graph.json_saver.encoding import decode_text, encode_text
from langgraph_runner.graph.json_saver.errors import CheckpointForeignError
from langgraph_runner.graph.json_saver.files import folder_exists, list_names
from langgraph_runner.graph.json_saver.names import decode_name, encode_name

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WRITES", "Entry", "Layout", "Where", "json_names"]

_JSON: Final = ".json"
WRITES: Final = ".writes"
"""The end of the name of a folder of pending writes."""


class Where(NamedTuple):
    """What a checkpoint is known by."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Where:
        """Read it from the fields of a document.

        Raises:
            KeyError, TypeError, ValueError: The document does not say.
        """
        return cls(*(decode_text(fields[name]) for name in cls._fields))

    def fields(self) -> dict[str, Any]:
        """Give it as the fields of a document."""
        return {name: encode_text(value) for name, value in zip(self._fields, self, strict=True)}


@dataclass(frozen=True)
class Entry:
    """The files of one checkpoint. The newest one is remembered with its paths: to join them takes its time."""

    folder: Path
    name: str

    @cached_property
    def file(self) -> Path:
        """The checkpoint itself."""
        return self.folder / f"{self.name}{_JSON}"

    @cached_property
    def writes_folder(self) -> Path:
        """The folder of its pending writes, which need not exist."""
        return self.folder / f"{self.name}{WRITES}"

    def writes_file(self, task_id: str) -> Path:
        """The pending writes of a task."""
        return self.writes_folder / f"{encode_name(task_id)}{_JSON}"

    def writes_files(self) -> list[Path]:
        """All pending writes that are there."""
        folder = self.writes_folder
        if not folder_exists(folder):
            return []
        return [folder / f"{name}{_JSON}" for name in json_names(folder)]

    @property
    def checkpoint_id(self) -> str | None:
        """The id as the file name tells it; None if only the file itself knows.

        Raises:
            CheckpointForeignError: No store gives a file this name.
        """
        try:
            return decode_name(self.name)
        except ValueError as error:
            raise CheckpointForeignError(self.file, str(error)) from error


class Layout:
    """The paths of a store. Immutable, and does no I/O but listing."""

    def __init__(self, head: Path) -> None:
        self.head = head
        self.history = head.with_name(f"{head.name}.history")
        self.lock = self.history / "lock"
        self.threads = self.history / "threads"

    def thread_folder(self, thread_id: str) -> Path:
        """Everything of a thread."""
        return self.threads / encode_name(thread_id)

    def namespace_folder(self, thread_id: str, checkpoint_ns: str) -> Path:
        """The checkpoints of a namespace of a thread."""
        return _namespace_folder(self.threads, thread_id, checkpoint_ns)

    def entry(self, where: Where) -> Entry:
        """The files of a checkpoint, which need not exist."""
        folder = self.namespace_folder(where.thread_id, where.checkpoint_ns)
        return Entry(folder, encode_name(where.checkpoint_id))

    def thread_folders(self) -> list[Path]:
        """The folders of all threads.

        Raises:
            CheckpointNotAFileError: One is a symbolic link.
        """
        return _folders(self.threads)

    def namespace_folders(self, thread_folder: Path) -> list[Path]:
        """The folders of all namespaces of a thread.

        Raises:
            CheckpointNotAFileError: It, or one of them, is a symbolic link.
        """
        return _folders(thread_folder) if folder_exists(thread_folder) else []

    def entries(self, namespace_folder: Path) -> list[Entry]:
        """All checkpoints in a folder, in no order."""
        if not (folder_exists(namespace_folder.parent) and folder_exists(namespace_folder)):
            return []
        return [Entry(namespace_folder, name) for name in json_names(namespace_folder)]


# Each call asks for its folder several times, and joining the path takes longer than looking at the folder.
@lru_cache(maxsize=1_000)
def _namespace_folder(threads: Path, thread_id: str, checkpoint_ns: str) -> Path:
    return threads / encode_name(thread_id) / encode_name(checkpoint_ns)


def json_names(folder: Path) -> list[str]:
    """The names of the documents in a folder, without their suffix, in no order."""
    end = -len(_JSON)
    return [name[:end] for name in list_names(folder) if name.endswith(_JSON) and name[0] != "."]


def _folders(parent: Path) -> list[Path]:
    """The folders in a folder. A symbolic link to one is refused; files of others are ignored."""
    found = [parent / name for name in sorted(list_names(parent)) if not name.startswith(".")]
    return [path for path in found if path.is_dir() and folder_exists(path)]
