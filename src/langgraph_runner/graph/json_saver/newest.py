"""Which checkpoint of a namespace is the newest, without listing its folder each time.

A saver remembers the answer with the modification time of the folder. Every writer sets that time to one that
was never there before, under the lock, so the answer is out of date exactly when the time is another one. The
clock of the file system alone would not do: it may stand still for milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.files import not_a_folder
from langgraph_runner.graph.json_saver.layout import Entry, json_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FolderSignature", "NewestCheckpoints", "folder_signature"]

_MOST_FOLDERS: Final = 1_000
_PLAIN_NAMES: Final = re.compile(r"[a-z0-9_-]+(?:\n[a-z0-9_-]+)*")

FolderSignature = tuple[int, int, int]


class NewestCheckpoints:
    """Finds the newest checkpoint of folders. Used under the lock of the store.

    Args:
        checkpoint_id: Gives the id of a checkpoint, by which they are ordered.
    """

    def __init__(self, checkpoint_id: Callable[[Entry], str]) -> None:
        self._checkpoint_id = checkpoint_id
        self._known: OrderedDict[Path, tuple[FolderSignature, Entry | None]] = OrderedDict()

    def find(self, folder: Path) -> Entry | None:
        """Give the checkpoint with the greatest id; None if there is none.

        Raises:
            CheckpointError: The folder is no folder, or a name in it is no name of a checkpoint.
        """
        signature = folder_signature(folder)
        if signature is None:
            self._known.pop(folder, None)
            return None
        known = self._known.get(folder)
        if known is not None and known[0] == signature:
            return known[1]
        newest = self._listed(folder)
        self._remember(folder, signature, newest)
        return newest

    def forget(self, folder: Path) -> None:
        """List the folder at the next question."""
        self._known.pop(folder, None)

    def was_changed(self, folder: Path, before: FolderSignature | None, newest: Entry | None) -> None:
        """Tell all savers that the content of a folder is another one. Hold the lock exclusively.

        Args:
            folder: The folder.
            before: Its signature before the change.
            newest: Its newest checkpoint now.
        """
        self.forget(folder)
        with contextlib.suppress(OSError):  # Not our folder, or gone; its time is the kernel's then.
            after = os.lstat(folder)
            time_ns = max(after.st_mtime_ns, 0 if before is None else before[2]) + 1
            os.utime(folder, ns=(after.st_atime_ns, time_ns), follow_symlinks=False)
            set_to = folder_signature(folder)
            if set_to is not None and set_to[2] == time_ns:  # The file system keeps nanoseconds.
                self._remember(folder, set_to, newest)

    def _remember(self, folder: Path, signature: FolderSignature, newest: Entry | None) -> None:
        self._known[folder] = signature, newest
        if len(self._known) > _MOST_FOLDERS:
            self._known.popitem(last=False)

    def _listed(self, folder: Path) -> Entry | None:
        names = json_names(folder)
        if not names:
            return None
        if _PLAIN_NAMES.fullmatch("\n".join(names)) is not None:  # Their order is that of the ids.
            return Entry(folder, max(names))
        return max((Entry(folder, name) for name in names), key=self._checkpoint_id)


def folder_signature(folder: Path) -> FolderSignature | None:
    """What tells one content of a folder from another; None where there is no folder."""
    try:
        found = os.lstat(folder)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise not_a_folder(folder.parent) from error
    if not stat.S_ISDIR(found.st_mode):
        raise not_a_folder(folder)
    return found.st_dev, found.st_ino, found.st_mtime_ns
