"""The errors of checkpoint files, in one tree.

    CheckpointError                   of langgraph_runner.errors.NodeRunnerError
    ├── CheckpointReadError           the operating system does not let us read it
    ├── CheckpointNotAFileError       a folder, fifo, socket, device or link is in its place
    ├── CheckpointTooLargeError       more bytes than `max_file_bytes`
    ├── CheckpointForeignError        not a file of this package
    ├── CheckpointVersionError        a format that this release does not know
    ├── CheckpointCorruptedError      truncated, edited or damaged
    ├── CheckpointSerializationError  a value that cannot be stored, or not be restored
    ├── CheckpointWriteError          nothing was stored: no space, no permission, an fsync that failed
    └── CheckpointLockError           another thread or process held the lock for too long

Each has a stable `code`, names the file, and survives pickle.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CheckpointCorruptedError",
    "CheckpointError",
    "CheckpointForeignError",
    "CheckpointLockError",
    "CheckpointNotAFileError",
    "CheckpointReadError",
    "CheckpointSerializationError",
    "CheckpointTooLargeError",
    "CheckpointVersionError",
    "CheckpointWriteError",
]


class CheckpointError(NodeRunnerError):
    """The root of all errors of a checkpointer of this package.

    Attributes:
        code: The stable code of the error.
        path: The file, as text; empty where it is about a value.
        problem: What is wrong, in words.
        errno: The error number of the operating system, or None.
    """

    code = ErrorCode.CHECKPOINT_FAILED

    def __init__(self, path: Path | str, problem: str, *, errno: int | None = None) -> None:
        self.path = os.fspath(path)
        self.problem = problem
        self.errno = errno
        super().__init__(render_message(self.code, path=self.path or "The state", problem=problem))


class CheckpointReadError(CheckpointError):
    """The operating system does not let us read a file."""

    code = ErrorCode.CHECKPOINT_UNREADABLE


class CheckpointNotAFileError(CheckpointError):
    """A folder, fifo, socket, device or link is where a file should be, or a file where a folder.

    A file with several hard links counts as a link: its other names may be outside of the store.
    """

    code = ErrorCode.CHECKPOINT_NOT_A_FILE


class CheckpointTooLargeError(CheckpointError):
    """A file is larger than `max_file_bytes`; it was not read, or not written."""

    code = ErrorCode.CHECKPOINT_TOO_LARGE


class CheckpointForeignError(CheckpointError):
    """A file was not made by this package, so it is neither read nor replaced."""

    code = ErrorCode.CHECKPOINT_FOREIGN


class CheckpointVersionError(CheckpointError):
    """A file has a format version that this release does not know."""

    code = ErrorCode.CHECKPOINT_VERSION_UNKNOWN


class CheckpointCorruptedError(CheckpointError):
    """A file is not as it was written: truncated, edited, damaged, moved; or its history is gone."""

    code = ErrorCode.CHECKPOINT_CORRUPTED


class CheckpointSerializationError(CheckpointError):
    """The serializer cannot store or restore a value; `__cause__` says why."""

    code = ErrorCode.CHECKPOINT_NOT_SERIALIZABLE


class CheckpointWriteError(CheckpointError):
    """Nothing was stored, and the state before stays; `__cause__` is the `OSError`."""

    code = ErrorCode.CHECKPOINT_NOT_WRITTEN


class CheckpointLockError(CheckpointError):
    """Another thread or process held the lock for longer than `lock_timeout_s`."""

    code = ErrorCode.CHECKPOINT_LOCKED
