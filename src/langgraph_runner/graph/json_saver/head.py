"""The file that a person opens: a copy of the newest checkpoint of the root namespace.

The history is the truth; the head is a copy. It is checked all the same: an edit that would have no effect, or a
foreign file that would be overwritten, has to be reported. A reader checks as little as it can, a writer checks each
byte that it has not written itself. The head is not fsynced, so what a power cut leaves of it counts as no head.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from langgraph_runner.graph.json_saver.documents import KIND, identify, is_intact, is_torn
from langgraph_runner.graph.json_saver.errors import CheckpointCorruptedError, CheckpointForeignError
from langgraph_runner.graph.json_saver.files import read_file, unreadable
from langgraph_runner.graph.json_saver.layout import Where
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from langgraph_runner.graph.json_saver.layout import Entry, Layout, Stored

__all__ = ["Head", "belongs_in_head"]

_START_BYTES: Final = 8_192
_IDS: Final = re.compile(
    rb'\{\n  "format": [^\n]*\n  "version": [^\n]*\n  "sha256": "[0-9a-f]{64}",\n'
    rb'(?P<ids>  "thread_id": .*?),\n  "parent_checkpoint_id": ',
    re.DOTALL,
)
"""The beginning of a head, which has the ids of its checkpoint."""
_SETTLED_S: Final = 1.0
"""If a file was last changed longer ago than this, the next change sets another time; clocks of file systems tick in
milliseconds."""
_clock: Final = REAL_RUNTIMES.blocking

_Signature = tuple[int, ...]


class Head:
    """Checks the file, and remembers what was checked. Not thread-safe; used under the lock."""

    def __init__(self, layout: Layout, max_bytes: int) -> None:
        self._layout = layout
        self._max_bytes = max_bytes
        self._seen: tuple[_Signature, Where] | None = None
        self._compared: _Signature | None = None
        self._elsewhere: tuple[_Signature, Entry] | None = None

    def check(self, asked: Entry | None, stored: Stored | None) -> None:
        """Look for damage before a checkpoint is returned to a reader, without reading more than is needed.

        A head that shows `asked`, the checkpoint that is read, has to hold the same bytes. One that shows another,
        however large, has to begin as a document of ours, about a checkpoint that is in the history.

        Raises:
            CheckpointError: The file is not as it was written.
        """
        signature = self._signature()
        if signature is None or signature == self._compared or (self._seen and signature == self._seen[0]):
            return
        if self._elsewhere is not None and signature == self._elsewhere[0] and asked != self._elsewhere[1]:
            return  # It shows another checkpoint, as it did before.
        path = self._layout.head
        start = read_file(path, self._max_bytes, only_first=_START_BYTES)
        if start is None:
            return
        where = self._identity_in(start)
        if where is None:
            self.current()
            return
        entry = self._layout.entry(where)
        self._check_history(entry)
        if entry != asked:
            self._elsewhere = signature, entry
        else:
            whole = read_file(path, self._max_bytes)
            if whole is None:
                return
            is_same = stored is not None and whole == stored.data
            if not is_same and not is_intact(path, whole, KIND):
                if is_torn(whole):
                    return
                raise CheckpointCorruptedError(
                    path, "the checksum does not match: truncated, edited or damaged"
                )
            if _clock.now_utc().timestamp() - signature[-1] / 1e9 > _SETTLED_S:
                self._compared = signature

    def current(self) -> Where | None:
        """Return the checkpoint that the file shows, after checking each of its bytes; None if it shows none.

        If the file has not changed since this saver checked or wrote it, it is not read again.

        Raises:
            CheckpointError: It is not as it was written.
        """
        signature = self._signature()
        if signature is not None and self._seen is not None and self._seen[0] == signature:
            return self._seen[1]
        data = None if signature is None else read_file(self._layout.head, self._max_bytes)
        if signature is None or data is None:
            return None
        try:
            where = identify(self._layout.head, data)
            self._check_history(self._layout.entry(where))
        except (CheckpointCorruptedError, CheckpointForeignError):
            if is_torn(data):
                return None
            raise
        self._seen = signature, where
        return where

    def remember(self, where: Where) -> None:
        """Remember the checkpoint that this saver has just written."""
        signature = self._signature()
        self._seen = None if signature is None else (signature, where)

    def _identity_in(self, start: bytes) -> Where | None:
        """Return the checkpoint of a file that begins so; None if it is not in the beginning."""
        found = _IDS.match(start)
        if found is None:
            return None
        is_intact(self._layout.head, start, KIND)  # Of this package, and of a known version.
        try:
            return Where.of(from_json(b"{%b}" % found["ids"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _check_history(self, entry: Entry) -> None:
        try:
            os.lstat(entry.file)
        except (FileNotFoundError, NotADirectoryError) as error:
            problem = f"the history of this file is not in {self._layout.history.name}; put it back"
            raise CheckpointCorruptedError(self._layout.head, problem) from error
        except OSError as error:
            raise unreadable(entry.file, error) from error

    def _signature(self) -> _Signature | None:
        try:
            found = os.lstat(self._layout.head)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self._layout.head, error) from error
        times = found.st_mtime_ns, found.st_ctime_ns
        return found.st_dev, found.st_ino, found.st_mode, found.st_size, *times


def belongs_in_head(where: Where, shown: Where | None) -> bool:
    """Whether a checkpoint that is about to be written belongs in the head, which shows `shown` until now."""
    if where.checkpoint_ns:
        return False
    if shown is None or shown.thread_id != where.thread_id:
        return True
    return shown.checkpoint_id <= where.checkpoint_id
