"""The errors of checkpoint files, in one tree.

    CheckpointError
    ├── CheckpointReadError           the operating system does not let us read it
    ├── CheckpointNotAFileError       a folder, fifo, socket, device or symbolic link is in its place
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
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CheckpointCorruptedError",
    "CheckpointError",
    "CheckpointErrorCode",
    "CheckpointForeignError",
    "CheckpointLockError",
    "CheckpointNotAFileError",
    "CheckpointReadError",
    "CheckpointSerializationError",
    "CheckpointTooLargeError",
    "CheckpointVersionError",
    "CheckpointWriteError",
]


class CheckpointErrorCode(StrEnum):
    """Why a checkpoint was not stored or not read. The value equals the name, so it is the same in JSON."""

    CHECKPOINT_FAILED = "CHECKPOINT_FAILED"
    """Anything of this list."""
    CHECKPOINT_UNREADABLE = "CHECKPOINT_UNREADABLE"
    """The operating system refused to read."""
    CHECKPOINT_NOT_A_FILE = "CHECKPOINT_NOT_A_FILE"
    """Something other than a regular file is in the file's place."""
    CHECKPOINT_TOO_LARGE = "CHECKPOINT_TOO_LARGE"
    """The file is larger than the saver may read or write."""
    CHECKPOINT_FOREIGN = "CHECKPOINT_FOREIGN"
    """The file was not made by this package."""
    CHECKPOINT_VERSION_UNKNOWN = "CHECKPOINT_VERSION_UNKNOWN"
    """The file has another format version."""
    CHECKPOINT_CORRUPTED = "CHECKPOINT_CORRUPTED"
    """The file is not as it was written, or what it relies on is gone."""
    CHECKPOINT_NOT_SERIALIZABLE = "CHECKPOINT_NOT_SERIALIZABLE"
    """The serializer refused a value."""
    CHECKPOINT_NOT_WRITTEN = "CHECKPOINT_NOT_WRITTEN"
    """The operating system refused to write; the state before stays."""
    CHECKPOINT_LOCKED = "CHECKPOINT_LOCKED"
    """The lock could not be had in time."""


class CheckpointError(Exception):
    """The root of all errors of a checkpointer of this package.

    Attributes:
        code: The stable code of the error.
        path: The file, as text; empty where it is about a value.
        problem: What is wrong, in words.
        errno: The error number of the operating system, or None.
    """

    code: ClassVar[CheckpointErrorCode] = CheckpointErrorCode.CHECKPOINT_FAILED

    def __init__(self, path: Path | str, problem: str, *, errno: int | None = None) -> None:
        self.path = os.fspath(path)
        self.problem = problem
        self.errno = errno
        super().__init__(f"{self.path}: {problem}" if self.path else problem)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.path, self.problem, self.errno, self.__cause__)


def _restore(
    cls: type[CheckpointError], path: str, problem: str, errno: int | None, cause: BaseException | None
) -> CheckpointError:
    error = cls(path, problem, errno=errno)
    error.__cause__ = cause
    return error


class CheckpointReadError(CheckpointError):
    """The operating system does not let us read a file."""

    code = CheckpointErrorCode.CHECKPOINT_UNREADABLE


class CheckpointNotAFileError(CheckpointError):
    """A folder, fifo, socket, device or symbolic link is where a file should be, or a file where a folder."""

    code = CheckpointErrorCode.CHECKPOINT_NOT_A_FILE


class CheckpointTooLargeError(CheckpointError):
    """A file is larger than `max_file_bytes`; it was not read, or not written."""

    code = CheckpointErrorCode.CHECKPOINT_TOO_LARGE


class CheckpointForeignError(CheckpointError):
    """A file was not made by this package, so it is neither read nor replaced."""

    code = CheckpointErrorCode.CHECKPOINT_FOREIGN


class CheckpointVersionError(CheckpointError):
    """A file has a format version that this release does not know."""

    code = CheckpointErrorCode.CHECKPOINT_VERSION_UNKNOWN


class CheckpointCorruptedError(CheckpointError):
    """A file is not as it was written: truncated, edited, damaged, moved; or its history is gone."""

    code = CheckpointErrorCode.CHECKPOINT_CORRUPTED


class CheckpointSerializationError(CheckpointError):
    """The serializer cannot store or restore a value; `__cause__` says why."""

    code = CheckpointErrorCode.CHECKPOINT_NOT_SERIALIZABLE


class CheckpointWriteError(CheckpointError):
    """Nothing was stored, and the state before stays; `__cause__` is the `OSError`."""

    code = CheckpointErrorCode.CHECKPOINT_NOT_WRITTEN


class CheckpointLockError(CheckpointError):
    """Another thread or process held the lock for longer than `lock_timeout_s`."""

    code = CheckpointErrorCode.CHECKPOINT_LOCKED
