"""The file that a person opens: a copy of the newest checkpoint of the root namespace.

The history is the truth; the head follows it. But what stands in the head is checked all the same: an edit that
would have no effect, or a foreign file that would be overwritten, has to be told.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from langgraph_runner.graph.json_saver.documents import is_intact, unseal
from langgraph_runner.graph.json_saver.errors import CheckpointCorruptedError, CheckpointReadError
from langgraph_runner.graph.json_saver.files import read_file
from langgraph_runner.graph.json_saver.layout import Where

if TYPE_CHECKING:
    from langgraph_runner.graph.json_saver.layout import Layout

__all__ = ["KIND", "Head"]

KIND = "checkpoint"
"""What the document in it holds."""

_Signature = tuple[int, ...]


class Head:
    """What is known of the file. Not thread-safe; used under the lock."""

    def __init__(self, layout: Layout, max_bytes: int) -> None:
        self._layout = layout
        self._max_bytes = max_bytes
        self._seen: tuple[_Signature, Where] | None = None

    def verify(self) -> Where | None:
        """Say which checkpoint the file shows, None if there is no file, after looking at each of its bytes.

        Raises:
            CheckpointError: It is not as it was written.
        """
        signature = self._signature()
        data = None if signature is None else read_file(self._layout.head, self._max_bytes)
        if signature is None or data is None:
            return None
        if self._seen is not None and self._seen[0] == signature:
            if is_intact(self._layout.head, data, KIND):
                return self._seen[1]
            raise CheckpointCorruptedError(self._layout.head, "the checksum does not match any more")
        where = self._identity(data)
        self._seen = signature, where
        return where

    def current(self) -> Where | None:
        """Say the same without reading what has not changed since this saver looked or wrote.

        Raises:
            CheckpointError: It is not as it was written.
        """
        if self._seen is not None and self._seen[0] == self._signature():
            return self._seen[1]
        return self.verify()

    def shows(self, where: Where) -> bool:
        """Whether a checkpoint that is about to be written belongs here."""
        if where.checkpoint_ns:
            return False
        shown = self.current()
        return (
            shown is None or shown.thread_id != where.thread_id or shown.checkpoint_id <= where.checkpoint_id
        )

    def was_written(self, where: Where) -> None:
        """Remember what this saver has just written."""
        signature = self._signature()
        self._seen = None if signature is None else (signature, where)

    def _identity(self, data: bytes) -> Where:
        path = self._layout.head
        fields = unseal(path, data, KIND)
        try:
            where = Where.of(fields)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointCorruptedError(path, "it does not say which checkpoint it is") from error
        if not os.path.lexists(self._layout.entry(where).file):
            problem = f"the history of this file is not in {self._layout.history.name}; put it back"
            raise CheckpointCorruptedError(path, problem)
        return where

    def _signature(self) -> _Signature | None:
        try:
            found = os.lstat(self._layout.head)
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = error.strerror or "not to be read"
            raise CheckpointReadError(self._layout.head, problem, errno=error.errno) from error
        return (
            found.st_dev,
            found.st_ino,
            found.st_mode,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )
