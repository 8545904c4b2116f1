"""Which checkpoint of a namespace is the newest, without listing its folder.

A writer notes the name of the newest checkpoint in the file `newest` of the folder, together with the identity and
the times of the folder. The note holds as long as the folder has these times: each change of its content sets
others. It is only a shortcut, so it needs no fsync: a note that is missing, out of date or damaged is ignored, and
the folder is listed. A saver also keeps the answer in memory, under the same condition.

Every writer sets the modification time of the folder to one that was never there before, under the lock. The clock
of the file system alone would not do: it may stand still for milliseconds. The change time is compared as well,
because a backup that is restored into the folder can set the modification time, but not that one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.errors import CheckpointNotAFileError
from langgraph_runner.graph.json_saver.files import folder_stat, open_regular, read_file
from langgraph_runner.graph.json_saver.layout import Entry, json_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NewestCheckpoints"]

_MOST_FOLDERS: Final = 1_000
_PLAIN_NAMES: Final = re.compile(r"[a-z0-9_-]+(?:\n[a-z0-9_-]+)*")
_NOTE: Final = "newest"
_NOTE_BYTES: Final = 512
"""The size of each note: it is overwritten in place, in one call, so nothing of an earlier one may stay behind it."""

_Signature = tuple[int, int, int, int]
"""Device, inode, modification time and change time (ns) of a folder."""


class NewestCheckpoints:
    """Finds the newest checkpoint of folders, by their ids. Used under the lock of the store."""

    def __init__(self, checkpoint_id: Callable[[Entry], str]) -> None:
        self._checkpoint_id = checkpoint_id
        self._known: OrderedDict[Path, tuple[_Signature, Entry | None]] = OrderedDict()

    def find(self, folder: Path) -> Entry | None:
        """Return the checkpoint with the greatest id; None if the folder has no checkpoint.

        Raises:
            CheckpointError: The folder is no folder, or a name in it is no name of a checkpoint.
        """
        signature = _signature_of(folder)
        if signature is None:
            self._known.pop(folder, None)
            return None
        known = self._known.get(folder)
        if known is not None and known[0] == signature:
            return known[1]
        newest = _read_note(folder, signature)
        if newest is None:
            newest = self._find_in_listing(folder)
        self._remember(folder, signature, newest)
        return newest

    def forget(self, folder: Path) -> None:
        """Look at the folder again at the next question."""
        self._known.pop(folder, None)

    def record_change(self, folder: Path, newest: Entry | None) -> None:
        """Tell all savers that the content of a folder has changed, and which checkpoint is its newest one now.

        Call `find()` before the change. Hold the lock exclusively.
        """
        before, _ = self._known.pop(folder, (None, None))
        note = _open_note(folder)
        try:
            after = os.lstat(folder)
            time_ns = max(after.st_mtime_ns, 0 if before is None else before[2]) + 1
            os.utime(folder, ns=(after.st_atime_ns, time_ns), follow_symlinks=False)
            signature = _signature_of(folder)
            if signature is None or signature[2] != time_ns:  # The file system does not keep nanoseconds.
                return
            self._remember(folder, signature, newest)
            if note is not None and newest is not None:
                os.pwrite(note, _note_of(newest, signature), 0)
        except OSError:
            return  # The folder is another user's, or gone; or the disk is full. It will be listed.
        finally:
            if note is not None:
                os.close(note)

    def _remember(self, folder: Path, signature: _Signature, newest: Entry | None) -> None:
        self._known[folder] = signature, newest
        if len(self._known) > _MOST_FOLDERS:
            self._known.popitem(last=False)

    def _find_in_listing(self, folder: Path) -> Entry | None:
        names = json_names(folder)
        if not names:
            return None
        if _PLAIN_NAMES.fullmatch("\n".join(names)) is not None:  # Their order is that of the ids.
            return Entry(folder, max(names))
        return max((Entry(folder, name) for name in names), key=self._checkpoint_id)


def _signature_of(folder: Path) -> _Signature | None:
    """Return what distinguishes one content of a folder from another; None if the folder does not exist."""
    found = folder_stat(folder)
    return None if found is None else (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _note_of(newest: Entry, signature: _Signature) -> bytes:
    """Return the bytes of the note: a checksum, the signature of the folder and the name of the checkpoint."""
    content = f"{'.'.join(map(str, signature))} {newest.name}"
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f"{digest} {content}".ljust(_NOTE_BYTES - 1).encode() + b"\n"


def _read_note(folder: Path, signature: _Signature) -> Entry | None:
    """Return the checkpoint that the note of a folder names; None without a note that is about this content.

    Raises:
        CheckpointNotAFileError: Something else is in the place of the note.
        CheckpointReadError: The operating system refuses.
    """
    data = read_file(folder / _NOTE, only_first=_NOTE_BYTES)
    words = [] if data is None else data.decode("ascii", "replace").split()
    if len(words) != len(("digest", "signature", "name")):
        return None
    entry = Entry(folder, words[-1])
    return entry if data == _note_of(entry, signature) else None


def _open_note(folder: Path) -> int | None:
    """Open the note of a folder for writing, before the times of the folder are set: a new file changes them.

    Returns:
        A file descriptor; None where no note can be written.
    """
    try:
        return open_regular(folder / _NOTE, os.O_WRONLY | os.O_CREAT)
    except (OSError, CheckpointNotAFileError):
        return None
