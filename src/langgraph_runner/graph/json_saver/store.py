"""Which files each operation reads, replaces and removes, and in which order, under the lock.

Wherever an operation is killed, it leaves files that the next one understands: to add something, the history is
changed before the head; to remove something, after it. So the head never shows what the history does not have.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.documents import identify
from langgraph_runner.graph.json_saver.errors import (
    CheckpointForeignError,
    CheckpointTooLargeError,
    CheckpointWriteError,
)
from langgraph_runner.graph.json_saver.files import (
    discard_folder,
    ensure_folder,
    folder_exists,
    list_names,
    read_file,
    remove_leftovers,
    replace_files,
    unreadable,
    writing_errors,
)
from langgraph_runner.graph.json_saver.head import Head, belongs_in_head
from langgraph_runner.graph.json_saver.layout import WRITES, Entry, Layout, Stored, Where, decode_name
from langgraph_runner.graph.json_saver.lock import StoreLock
from langgraph_runner.graph.json_saver.newest import NewestCheckpoints
from langgraph_runner.runtime.disk import sync_folder
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

__all__ = ["CheckpointStore"]

_TRASH: Final = "trash-"


class CheckpointStore:
    """The files of a store. Thread-safe; it touches no file before the first operation."""

    def __init__(self, path: Path, *, max_file_bytes: int, lock_timeout_s: float) -> None:
        self._path = path
        self._max_file_bytes = max_file_bytes
        self._lock_timeout_s = lock_timeout_s
        self._is_head_swept = False
        self._newest = NewestCheckpoints(self.checkpoint_id)

    @cached_property
    def layout(self) -> Layout:
        """Where the files are. A relative path is resolved at the first use, not on a caller's event loop."""
        return Layout(self._path.absolute())

    @cached_property
    def _lock(self) -> StoreLock:
        return StoreLock(self.layout.lock, self._lock_timeout_s)

    @cached_property
    def _head(self) -> Head:
        return Head(self.layout, self._max_file_bytes)

    def put(self, where: Where, data: bytes) -> None:
        """Write a checkpoint, and the head where it is the newest. Commits.

        Raises:
            CheckpointError: Nothing has changed.
        """
        entry = self.layout.entry(where)
        with self._writing(entry.folder) as shown:
            self._write_checkpoint(where, data, shown)

    def update_writes(
        self, where: Where, task_id: str, update: Callable[[Path, bytes | None], bytes | None]
    ) -> None:
        """Replace the pending writes of a task by what `update` returns. Commits.

        Args:
            where: The checkpoint, which need not be there yet.
            task_id: The task.
            update: Takes the file and its bytes, None if it does not exist, and returns the new bytes, None for
                no change. It runs under the lock.

        Raises:
            CheckpointError: Nothing has changed.
        """
        entry = self.layout.entry(where)
        path = entry.writes_file(task_id)
        with self._writing(entry.writes_folder):
            data = update(path, read_file(path, self._max_file_bytes))
            if data is not None:
                self._check_size(path, data)
                replace_files([(path, data)], staging=self.layout.history)

    def update_latest(
        self, thread_id: str, checkpoint_ns: str, update: Callable[[Path, bytes], bytes]
    ) -> bool:
        """Replace the newest checkpoint of a namespace by what `update` returns, and show it. Commits.

        Returns:
            Whether there was a checkpoint.

        Raises:
            CheckpointError: Nothing has changed.
        """
        folder = self.layout.namespace_folder(thread_id, checkpoint_ns)
        with self._reading():
            if self._newest_in(folder) is None:
                return False
        with self._writing(folder) as shown:
            entry = self._newest.find(folder)
            found = None if entry is None else read_file(entry.file, self._max_file_bytes)
            if entry is None or found is None:
                return False
            where = identify(entry.file, found)
            self._write_checkpoint(where, update(entry.file, found), shown)
            return True

    def read(self, entry: Entry) -> Stored | None:
        """Return a checkpoint with its pending writes, all of one moment; None if it does not exist."""
        with self._reading():
            # Raise if one of the folders is something else, such as a symbolic link.
            if folder_exists(entry.folder.parent):
                folder_exists(entry.folder)
            stored = self._read(entry)
            self._head.check(entry, stored)
            return stored

    def read_latest(self, thread_id: str, checkpoint_ns: str) -> Stored | None:
        """Return the checkpoint with the greatest id in a namespace of a thread; None without any."""
        with self._reading():
            folder = self.layout.namespace_folder(thread_id, checkpoint_ns)
            entry = self._newest_in(folder)
            stored = self._read(entry)
            if entry is not None and stored is None:  # Removed by hand since it was found.
                self._newest.forget(folder)
                entry = self._newest.find(folder)
                stored = self._read(entry)
            self._head.check(entry, stored)
            return stored

    def find(self, thread_id: str | None = None, checkpoint_ns: str | None = None) -> list[Entry]:
        """Return the checkpoints of a thread or of all, in a namespace or in all; the greatest id first."""
        layout = self.layout
        with self._reading():
            self._head.check(None, None)
            threads = layout.thread_folders() if thread_id is None else [layout.thread_folder(thread_id)]
            folders = [folder for thread in threads for folder in self._namespaces(thread, checkpoint_ns)]
            entries = [entry for folder in folders for entry in layout.entries(folder)]
            return sorted(entries, key=self.checkpoint_id, reverse=True)

    def thread_ids(self) -> list[str]:
        """Return the ids of the threads that have a checkpoint in the root namespace, sorted."""
        ids = []
        with self._reading():
            self._head.check(None, None)
            for folder in self.layout.thread_folders():
                entries = [
                    entry for of_ns in self._namespaces(folder, "") for entry in self.layout.entries(of_ns)
                ]
                if entries:
                    ids.append(self._thread_id(folder.name, entries[0]))
        return sorted(ids)

    def _thread_id(self, name: str, entry: Entry) -> str:
        """Return the id of a thread, from the name of its folder or, where it was too long, from a checkpoint."""
        try:
            thread_id = decode_name(name)
        except ValueError as error:
            raise CheckpointForeignError(entry.folder.parent, str(error)) from error
        if thread_id is not None:
            return thread_id
        data = read_file(entry.file, self._max_file_bytes)
        return "" if data is None else identify(entry.file, data).thread_id

    def checkpoint_id(self, entry: Entry) -> str:
        """Return the id of a checkpoint, from its name or, where that was too long, from its file.

        Raises:
            CheckpointError: Neither has it.
        """
        known = entry.checkpoint_id
        if known is not None:
            return known
        data = read_file(entry.file, self._max_file_bytes)
        return "" if data is None else identify(entry.file, data).checkpoint_id

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread with all its checkpoints and writes, at once. Commits.

        A head that shows the thread is removed, too. There is none until the next checkpoint is written: a search
        for the newest one of all other threads would take longer the more there are.

        Raises:
            CheckpointError: It is still there.
        """
        folder = self.layout.thread_folder(thread_id)
        if not folder_exists(folder):
            return
        with self._writing(self.layout.threads) as shown:
            if shown is not None:
                self._sync_head_folder()
                if self.layout.thread_folder(shown.thread_id) == folder:
                    self._remove_head()
            with writing_errors(folder):
                discard_folder(folder, self._trash())

    def delete(self, entries: Collection[Entry]) -> None:
        """Remove checkpoints with their writes. Commits; killed in between, some of them are gone.

        Raises:
            CheckpointError: Some of them are still there.
        """
        if not entries:
            return
        gone = set(entries)
        with self._writing(self.layout.threads) as shown:
            if shown is not None:
                self._sync_head_folder()
                if self.layout.entry(shown) in gone:
                    self._show_another(gone)
            for entry in gone:
                with writing_errors(entry.file):
                    with contextlib.suppress(FileNotFoundError):
                        entry.file.unlink()
                    discard_folder(entry.writes_folder, self._trash())
            for folder in {entry.folder for entry in gone}:
                self._newest.forget(folder)
                with writing_errors(folder), contextlib.suppress(FileNotFoundError):
                    sync_folder(folder)

    def _write_checkpoint(self, where: Where, data: bytes, shown: Where | None) -> None:
        """Write a checkpoint, and the head where it belongs there. `shown` is what the head shows until now."""
        entry = self.layout.entry(where)
        self._check_size(entry.file, data)
        is_for_head = belongs_in_head(where, shown)
        newest = self._newest.find(entry.folder)
        try:
            copy = [(self.layout.head, data)] if is_for_head else []
            # After a power cut the head may be an older one: the state is not read from it.
            replace_files([(entry.file, data), *copy], staging=self.layout.history, copy=self.layout.head)
            if newest is None or self.checkpoint_id(newest) <= where.checkpoint_id:
                newest = entry
        finally:
            self._newest.record_change(entry.folder, newest)
        if is_for_head:
            self._head.remember(where)

    def _newest_in(self, folder: Path) -> Entry | None:
        folder_exists(folder.parent)  # It must not be a symbolic link; `find` checks the folder itself.
        return self._newest.find(folder)

    def _sync_head_folder(self) -> None:
        """Make the name of the head durable: after a power cut it must not show what is about to be removed."""
        with writing_errors(self.layout.head):
            sync_folder(self.layout.head.parent)

    def _show_another(self, gone: Collection[Entry]) -> None:
        """Let the head show the newest checkpoint of a root namespace that is not `gone`, or nothing."""
        left: list[Entry] = []
        for thread in self.layout.thread_folders():
            for folder in self._namespaces(thread, ""):
                left += [entry for entry in self.layout.entries(folder) if entry not in gone]
        newest = max(left, key=self.checkpoint_id, default=None)
        data = None if newest is None else read_file(newest.file, self._max_file_bytes)
        if newest is None or data is None:
            self._remove_head()
            return
        where = identify(newest.file, data)
        try:
            replace_files([(self.layout.head, data)], staging=self.layout.head.parent)
        except CheckpointWriteError:
            self._remove_head()  # Perhaps the disk is full. Then it is all the more important to remove the thread.
            return
        self._head.remember(where)

    def _remove_head(self) -> None:
        """Remove the file to open, durably. The history is complete, and the next checkpoint makes a new one."""
        with writing_errors(self.layout.head):
            try:
                self.layout.head.unlink()
            except FileNotFoundError:
                return
            sync_folder(self.layout.head.parent)

    def _namespaces(self, thread_folder: Path, checkpoint_ns: str | None) -> list[Path]:
        if checkpoint_ns is None:
            return self.layout.namespace_folders(thread_folder)
        return [thread_folder / self.layout.namespace_folder("", checkpoint_ns).name]

    def _read(self, entry: Entry | None) -> Stored | None:
        data = None if entry is None else read_file(entry.file, self._max_file_bytes)
        if entry is None or data is None:
            return None
        writes = [(path, read_file(path, self._max_file_bytes)) for path in entry.writes_files()]
        return Stored(entry, data, [(path, found) for path, found in writes if found is not None])

    def _check_size(self, path: Path, data: bytes) -> None:
        if len(data) > self._max_file_bytes:
            problem = f"{len(data):,} bytes; at most {self._max_file_bytes:,} are written"
            raise CheckpointTooLargeError(path, problem)

    def _trash(self) -> Path:
        return self.layout.history / f"{_TRASH}{REAL_RUNTIMES.blocking.token_hex(8)}"

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with self._lock.shared():
                yield
        except OSError as error:
            raise unreadable(self.layout.lock, error) from error

    @contextlib.contextmanager
    def _writing(self, folder: Path) -> Iterator[Where | None]:
        """Hold the lock, with `folder` there and a head that may be replaced; yields what the head shows."""
        with writing_errors(self.layout.history):
            ensure_folder(self.layout.history, is_link_allowed=True)
            with self._lock.exclusive():
                shown = self._head.current()
                if shown is None:
                    self._remove_head()  # What a power cut left of it may show a thread that is about to be removed.
                self._remove_leftovers()
                self._ensure_folder(folder)
                yield shown

    def _ensure_folder(self, folder: Path) -> None:
        """Make a folder of the history with its parents; none of them may be a symbolic link."""
        if folder != self.layout.threads:
            parent = folder.parent
            if folder.name.endswith(WRITES):
                self._ensure_folder(parent)
                if not folder_exists(folder):
                    newest = self._newest.find(parent)
                    ensure_folder(folder)
                    self._newest.record_change(parent, newest)
                return
            if folder_exists(parent) and folder_exists(folder):
                return
        ensure_folder(folder)

    def _remove_leftovers(self) -> None:
        """Remove what killed writers left. The lock is held, so no other writer is at work."""
        remove_leftovers(self.layout.history)
        for name in list_names(self.layout.history):
            if name.startswith(_TRASH):
                discard_folder(self.layout.history / name, self._trash())
        if not self._is_head_swept:  # Its folder is the user's, and may be large.
            self._is_head_swept = True
            remove_leftovers(self.layout.head.parent, of=self.layout.head.name)
