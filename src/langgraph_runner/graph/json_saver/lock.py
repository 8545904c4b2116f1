"""One writer, or any number of readers, at a time: in all threads of all processes of a machine.

The lock is `flock` on a file that is never replaced, so the kernel gives it back when its holder dies. Threads
of one saver queue for a lock in memory first, which spares them the polling.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.errors import CheckpointLockError
from langgraph_runner.graph.json_saver.files import open_regular
from langgraph_runner.node.runtime import REAL_RUNTIMES, drive

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment] # the check is where it is used

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["StoreLock"]

_FIRST_WAIT_S: Final = 0.001
_LONGEST_WAIT_S: Final = 0.02


class StoreLock:
    """The lock of one store. Thread-safe; not re-entrant. A lock held over a fork is the parent's alone."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._threads = threading.Lock()
        self._pid = os.getpid()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep everybody else out. The folder of the lock file has to exist.

        Raises:
            CheckpointLockError: It was not to be had in time.
            CheckpointNotAFileError: Something else is in the place of the lock file.
            OSError: The lock file cannot be made.
        """
        with self._held(os.O_RDWR | os.O_CREAT, exclusive=True):
            yield

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep writers out. Where there is no lock file, nobody has written yet, and nothing is locked.

        Raises:
            CheckpointLockError: It was not to be had in time.
            CheckpointNotAFileError: Something else is in the place of the lock file.
            OSError: The lock file cannot be opened.
        """
        try:
            os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            yield
            return
        with self._held(os.O_RDONLY, exclusive=False):
            yield

    @contextlib.contextmanager
    def _held(self, flags: int, *, exclusive: bool) -> Iterator[None]:
        if fcntl is None:
            raise CheckpointLockError(self._path, "this platform has no flock, on which the store relies")
        end = REAL_RUNTIMES.blocking.monotonic() + self._timeout_s
        threads = self._thread_lock()
        if not threads.acquire(timeout=self._timeout_s):
            raise self._timed_out()
        try:
            descriptor = self._acquire(flags, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, end)
            try:
                yield
            finally:
                # A forked child may hold a copy of the descriptor; closing ours alone would not unlock.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)
        finally:
            threads.release()

    def _thread_lock(self) -> threading.Lock:
        if self._pid != os.getpid():  # Forked: a thread of the parent may have held it, and is not here.
            self._threads, self._pid = threading.Lock(), os.getpid()
        return self._threads

    def _acquire(self, flags: int, kind: int, end: float) -> int:
        wait_s = _FIRST_WAIT_S
        while True:
            descriptor = open_regular(self._path, flags)
            if _try_lock(descriptor, kind) and self._is_current(descriptor):
                return descriptor
            os.close(descriptor)
            if REAL_RUNTIMES.blocking.monotonic() >= end:
                raise self._timed_out()
            drive(REAL_RUNTIMES.blocking.sleep(wait_s * (0.5 + REAL_RUNTIMES.blocking.random()), None))
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _is_current(self, descriptor: int) -> bool:
        """Whether the file that we locked is still the one that others will lock."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except FileNotFoundError:  # Somebody has removed the whole store by hand.
            return False

    def _timed_out(self) -> CheckpointLockError:
        return CheckpointLockError(self._path, f"not to be had within {self._timeout_s:g} s")


def _try_lock(descriptor: int, kind: int) -> bool:
    assert fcntl is not None  # noqa: S101 - whoever opens the lock has looked
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EINTR}:
            return False
        os.close(descriptor)
        raise
    return True
