"""Where the files of a store are.

    runs/audit.json                     the newest checkpoint of the root namespace: open this one
    runs/audit.json.history/
        lock, lock.gate
        threads/<thread id>/<checkpoint namespace>/
            newest                      which checkpoint is the newest: see `newest`
            <checkpoint id>.json        a whole checkpoint
            <checkpoint id>.writes/
                <task id>.json          the pending writes of one task

Each file is complete in itself, so one checkpoint costs the same however many there are before it, and any of
them can be removed without touching another.

An id becomes a file name so that no two ids get the same one, not on a case-insensitive file system either.
Lower-case letters, digits, `-` and `_` stand for themselves; every other byte of the id's UTF-8 becomes `%xx`.
So a name holds no upper-case letter, no separator and no dot, and Unicode normalization has nothing to change.
An id whose name would be too long for a file system gets its beginning and its SHA-256 as its name.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from langgraph_runner.graph.json_saver.encoding import decode_text, encode_text
from langgraph_runner.graph.json_saver.errors import CheckpointForeignError
from langgraph_runner.graph.json_saver.files import folder_exists, list_names

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WRITES", "Entry", "Layout", "Stored", "Where", "decode_name", "encode_name", "json_names"]

_JSON: Final = ".json"
WRITES: Final = ".writes"
"""The end of the name of a folder of pending writes."""

_EMPTY_NAME: Final = "@root"
"""The name of the empty id; `@` begins no other name."""
_MAX_CHARS: Final = 160
_SHOWN_CHARS: Final = 80
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_PLAIN_NAME: Final = re.compile(r"[a-z0-9_-]+")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]|%[0-9a-f]{2})+")


class Where(NamedTuple):
    """The ids that identify a checkpoint."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Where:
        """Read the ids from the fields of a document.

        Raises:
            KeyError, TypeError, ValueError: They are not there.
        """
        return cls(*(decode_text(fields[name]) for name in cls._fields))

    def fields(self) -> dict[str, Any]:
        """Return the ids as the fields of a document."""
        return {name: encode_text(value) for name, value in zip(self._fields, self, strict=True)}


@dataclass(frozen=True)
class Entry:
    """The files of one checkpoint. The paths are kept, because joining them takes time."""

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
        """Return the file of the pending writes of a task."""
        return self.writes_folder / f"{encode_name(task_id)}{_JSON}"

    def writes_files(self) -> list[Path]:
        """Return the files of all pending writes that exist."""
        folder = self.writes_folder
        if not folder_exists(folder):
            return []
        return [folder / f"{name}{_JSON}" for name in json_names(folder)]

    @property
    def checkpoint_id(self) -> str | None:
        """The id that the file name holds; None if it was too long for the name.

        Raises:
            CheckpointForeignError: No store gives a file this name.
        """
        try:
            return decode_name(self.name)
        except ValueError as error:
            raise CheckpointForeignError(self.file, str(error)) from error


@dataclass(frozen=True)
class Stored:
    """A checkpoint as it is on disk, with its pending writes: each file with its bytes."""

    entry: Entry
    data: bytes
    writes: list[tuple[Path, bytes]]


class Layout:
    """The paths of a store. Immutable; its only I/O is to list folders."""

    def __init__(self, head: Path) -> None:
        self.head = head
        self.history = head.with_name(f"{head.name}.history")
        self.lock = self.history / "lock"
        self.threads = self.history / "threads"

    def thread_folder(self, thread_id: str) -> Path:
        """Return the folder of a thread."""
        return self.threads / encode_name(thread_id)

    def namespace_folder(self, thread_id: str, checkpoint_ns: str) -> Path:
        """Return the folder of a namespace of a thread."""
        return _namespace_folder(self.threads, thread_id, checkpoint_ns)

    def entry(self, where: Where) -> Entry:
        """Return the files of a checkpoint, which need not exist."""
        folder = self.namespace_folder(where.thread_id, where.checkpoint_ns)
        return Entry(folder, encode_name(where.checkpoint_id))

    def thread_folders(self) -> list[Path]:
        """Return the folders of all threads.

        Raises:
            CheckpointNotAFileError: One is a symbolic link.
        """
        return _folders(self.threads)

    def namespace_folders(self, thread_folder: Path) -> list[Path]:
        """Return the folders of all namespaces of a thread.

        Raises:
            CheckpointNotAFileError: It, or one of them, is a symbolic link.
        """
        return _folders(thread_folder) if folder_exists(thread_folder) else []

    def entries(self, namespace_folder: Path) -> list[Entry]:
        """Return all checkpoints in a folder, in no order."""
        if not (folder_exists(namespace_folder.parent) and folder_exists(namespace_folder)):
            return []
        return [Entry(namespace_folder, name) for name in json_names(namespace_folder)]


# Each call needs its folder several times, and joining the path takes longer than looking at the folder.
@lru_cache(maxsize=1_000)
def _namespace_folder(threads: Path, thread_id: str, checkpoint_ns: str) -> Path:
    return threads / encode_name(thread_id) / encode_name(checkpoint_ns)


def json_names(folder: Path) -> list[str]:
    """Return the names of the documents in a folder, without their suffix, in no order."""
    end = -len(_JSON)
    return [name[:end] for name in list_names(folder) if name.endswith(_JSON) and name[0] != "."]


def _folders(parent: Path) -> list[Path]:
    """Return the folders in a folder. A symbolic link to one raises; other files are ignored."""
    found = [parent / name for name in sorted(list_names(parent)) if not name.startswith(".")]
    return [path for path in found if path.is_dir() and folder_exists(path)]


def encode_name(text: str) -> str:
    """Return the file name of an id; two ids never have the same one.

    >>> encode_name("Team/a_1"), encode_name("team_a_1")
    ('%54eam%2fa_1', 'team_a_1')
    """
    if len(text) <= _MAX_CHARS and _PLAIN_NAME.fullmatch(text) is not None:  # As nearly all are.
        return text
    data = text.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in data)
    if len(name) <= _MAX_CHARS:
        return name or _EMPTY_NAME
    return f"{name[:_SHOWN_CHARS]}~{hashlib.sha256(data).hexdigest()}"


def decode_name(name: str) -> str | None:
    """Return the id of a file name; None for the name of a long id, which is only in its file.

    Raises:
        ValueError: `encode_name` makes no such name.

    >>> decode_name("%54eam%2fa_1")
    'Team/a_1'
    """
    if _PLAIN_NAME.fullmatch(name) is not None:  # As nearly all are: LangGraph's ids are UUIDs.
        return name
    if name == _EMPTY_NAME:
        return ""
    if "~" in name:
        return None
    if _NAME.fullmatch(name) is None:
        raise ValueError("not a name of this store")
    return unquote_to_bytes(name).decode("utf-8", "surrogatepass")
