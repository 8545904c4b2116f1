"""One writer, or any number of readers, at a time: in all threads of all processes of a machine.

The lock is `flock` on a file that is never replaced, so the kernel releases it when its holder dies. Two queues
lead to it, so that a stream of readers cannot keep a writer out. Threads of one saver wait in a list in memory,
first come, first served. Processes pass a gate, a second file: a writer closes it while it waits for the readers
before it to leave.

Ctrl-C may interrupt any line. So nothing is held by a local variable alone: each `_Hold` knows what it holds,
releases it at most once, and at the latest when it is garbage-collected.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.graph.json_saver.errors import CheckpointLockError
from langgraph_runner.graph.json_saver.files import open_regular
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive

fcntl: Any  # None on Windows, which is checked where a lock is taken.
try:
    import fcntl
except ImportError:
    fcntl = None

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StoreLock"]

_FIRST_WAIT_S: Final = 0.001
_LONGEST_WAIT_S: Final = 0.02
_LONGEST_NAP_S: Final = 0.05
"""How long a thread sleeps before it checks whether it is its turn: the thread before it may be interrupted."""


class StoreLock:
    """The lock of one store. Thread-safe; not re-entrant. A lock held over a fork is the parent's alone."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self.gate = path.with_name(f"{path.name}.gate")
        self._queue: list[threading.Lock] = []
        self._files: _Files | None = None
        self._pid = os.getpid()

    def exclusive(self) -> _Hold:
        """Keep all others out, in a `with` block. The folder of the lock file has to exist.

        Raises:
            CheckpointLockError: The lock was not free in time.
            CheckpointNotAFileError: Something else is in the place of the lock file.
            OSError: The lock file cannot be made.
        """
        return _Hold(self, exclusive=True)

    def shared(self) -> _Hold:
        """Keep writers out, in a `with` block. Without a lock file there is nothing to lock yet.

        Raises what `exclusive` raises.
        """
        return _Hold(self, exclusive=False)

    def queue(self) -> list[threading.Lock]:
        """Return the tickets of the threads of this process that want the lock; the first one may hold it."""
        if self._pid != os.getpid():  # Forked: the threads of the parent are not here.
            self._queue, self._files, self._pid = [], None, os.getpid()
        return self._queue

    def files(self, *, exclusive: bool) -> _Files | None:
        """Return the open files; None for a reader where there are none. Only for the first in the queue."""
        if self._files is None or (exclusive and not self._files.is_writable):
            try:
                self._files = _Files(self, is_writable=exclusive)
            except (FileNotFoundError, NotADirectoryError):
                if exclusive:
                    raise
        return self._files

    def is_current(self, files: _Files) -> bool:
        """Whether the file that was locked is still the one that others will lock."""
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == _identity(files.lock):
                return True
        except FileNotFoundError:  # The whole store was removed by hand.
            pass
        self._files = None
        return False

    def timed_out(self) -> CheckpointLockError:
        """Return the error of a lock that was not free in time."""
        return CheckpointLockError(self.path, f"the lock was not free within {self.timeout_s:g} s")


class _Files:
    """The lock file and the gate, open as long as this object lives. Used by one thread at a time."""

    def __init__(self, lock: StoreLock, *, is_writable: bool) -> None:
        self._opened: list[tuple[int, tuple[int, int]]] = []
        self.is_writable = is_writable
        flags = os.O_RDWR | os.O_CREAT if is_writable else os.O_RDONLY
        self.lock = self._open(lock.path, flags)
        self.gate: int | None = None
        with contextlib.suppress(FileNotFoundError):  # A store that only an earlier release has written.
            self.gate = self._open(lock.gate, flags)

    def _open(self, path: Path, flags: int) -> int:
        descriptor = open_regular(path, flags)
        self._opened.append((descriptor, _identity(descriptor)))
        return descriptor

    def unlock(self) -> None:
        """Release both. A forked child may hold copies of the descriptors, so closing these would not unlock."""
        for descriptor, _ in self._opened:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def __del__(self) -> None:
        for descriptor, found in self._opened:
            with contextlib.suppress(OSError):
                if found == _identity(descriptor):  # A daemon may have closed all descriptors.
                    os.close(descriptor)


class _Hold:
    """One use of the lock, as a context manager. Belongs to one thread."""

    def __init__(self, lock: StoreLock, *, exclusive: bool) -> None:
        self._lock = lock
        self._exclusive = exclusive
        self._queue: list[threading.Lock] = []
        self._ticket: threading.Lock | None = None
        self._files: _Files | None = None

    def __enter__(self) -> None:
        try:
            self._acquire()
        except BaseException:
            self.release()
            raise

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Release what is held; nothing happens a second time. Each line may be the last before a Ctrl-C."""
        if self._files is not None:
            self._files.unlock()
            self._files = None
        if self._ticket is not None:
            with contextlib.suppress(ValueError):
                self._queue.remove(self._ticket)
            with contextlib.suppress(IndexError, RuntimeError):  # The last one; or it is awake already.
                self._queue[0].release()
            self._ticket = None

    def _acquire(self) -> None:
        if fcntl is None:
            raise CheckpointLockError(
                self._lock.path, "this platform has no flock, on which the store relies"
            )
        lock = self._lock
        end = REAL_RUNTIMES.blocking.monotonic() + lock.timeout_s
        self._wait_for_turn(end)
        while (files := lock.files(exclusive=self._exclusive)) is not None:
            self._files = files
            self._wait_for_files(files, end)
            if lock.is_current(files):
                return
            self._files = None
            files.unlock()
        self.release()  # Nothing was ever written here.

    def _wait_for_turn(self, end: float) -> None:
        """Wait until no other thread of this process is before this one."""
        ticket = threading.Lock()
        ticket.acquire()
        self._queue = self._lock.queue()
        self._ticket = ticket
        self._queue.append(ticket)
        while self._queue[0] is not ticket:
            left = end - REAL_RUNTIMES.blocking.monotonic()
            if left <= 0:
                raise self._lock.timed_out()
            ticket.acquire(timeout=min(left, _LONGEST_NAP_S))

    def _wait_for_files(self, files: _Files, end: float) -> None:
        """Wait at the gate, then for the lock; later processes wait at the gate meanwhile."""
        kind = fcntl.LOCK_EX if self._exclusive else fcntl.LOCK_SH
        for descriptor in (files.gate, files.lock):
            wait_s = _FIRST_WAIT_S
            while descriptor is not None and not _try_lock(descriptor, kind):
                if REAL_RUNTIMES.blocking.monotonic() >= end:
                    raise self._lock.timed_out()
                drive(REAL_RUNTIMES.blocking.sleep(wait_s * (0.5 + REAL_RUNTIMES.blocking.random()), None))
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        if files.gate is not None:
            fcntl.flock(files.gate, fcntl.LOCK_UN)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EINTR}:
            return False
        raise
    return True
