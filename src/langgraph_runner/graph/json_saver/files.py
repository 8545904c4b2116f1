"""Reading without hanging, and replacing several files so that each is old or new, never between.

A file is written under a unique name in its own folder, fsynced, and renamed; then the folder is fsynced. All
files of one replacement are complete on disk before the first is renamed. If anything fails, what was renamed
is put back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.errors import (
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointTooLargeError,
    CheckpointWriteError,
)
from langgraph_runner.node.runtime import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "discard_folder",
    "ensure_folder",
    "list_names",
    "open_regular",
    "read_file",
    "remove_leftovers",
    "replace_files",
    "sync_folder",
    "temporary_path",
    "writing_errors",
]

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.tmp")
_SAFE_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Never through a symbolic link, and never waiting for the other end of a fifo."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file, at once or not at all.

    Raises:
        CheckpointNotAFileError: Something else is there.
        FileNotFoundError: Nothing is there.
        OSError: The operating system refuses.
    """
    try:
        descriptor = os.open(path, flags | _SAFE_FLAGS, 0o666)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR}:
            raise CheckpointNotAFileError(path, _what_is_there(path), errno=error.errno) from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise CheckpointNotAFileError(path, _what_is_there(path))


def read_file(path: Path, max_bytes: int) -> bytes | None:
    """Give all bytes of a file, or None where there is no file.

    Raises:
        CheckpointNotAFileError: Something else is there.
        CheckpointReadError: The operating system refuses.
        CheckpointTooLargeError: There are more than `max_bytes`.
    """
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise CheckpointTooLargeError(path, f"{size:,} bytes; at most {max_bytes:,} are read")
            return file.readall()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointReadError(path, _reason(error), errno=error.errno) from error


def list_names(folder: Path) -> list[str]:
    """Give the names in a folder; none where there is no folder.

    Raises:
        CheckpointNotAFileError: It is no folder.
        CheckpointReadError: The operating system refuses.
    """
    try:
        return os.listdir(folder)  # noqa: PTH208 - no path object for each of thousands of names
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise CheckpointNotAFileError(folder, "a folder should be here", errno=error.errno) from error
    except OSError as error:
        raise CheckpointReadError(folder, _reason(error), errno=error.errno) from error


@contextlib.contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn each `OSError` inside into a `CheckpointWriteError` about `path`."""
    try:
        yield
    except OSError as error:
        raise CheckpointWriteError(path, f"not written: {_reason(error)}", errno=error.errno) from error


def ensure_folder(folder: Path) -> None:
    """Make a folder with all that are missing above it, durably.

    Raises:
        CheckpointNotAFileError: Something else is there.
        OSError: The operating system refuses.
    """
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        ensure_folder(folder.parent)
        with contextlib.suppress(FileExistsError):  # Another process was faster.
            folder.mkdir()
        sync_folder(folder.parent)
        return
    except NotADirectoryError as error:
        raise CheckpointNotAFileError(folder.parent, "a folder should be here") from error
    if not stat.S_ISDIR(mode) and not folder.is_dir():
        raise CheckpointNotAFileError(folder, "a folder should be here")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Commits.

    Raises:
        OSError: The operating system refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_path(path: Path) -> Path:
    """Give a name that nobody else uses, in the same folder."""
    return path.with_name(f".{path.name}.{REAL_RUNTIMES.blocking.token_hex(8)}.tmp")


def replace_files(contents: Sequence[tuple[Path, bytes]]) -> None:
    """Write files in their order, each atomically. Commits: when this returns, all of them are durable.

    Killed in between, a file has its old content or its new one. Hold the lock.

    Raises:
        CheckpointWriteError: Every file is as it was.
    """
    staged: list[_Replacement] = []
    path = contents[0][0]
    try:
        with writing_errors(path):
            for path, data in contents:
                staged.append(_Replacement(path))
                staged[-1].stage(data)
            for replacement in staged:
                replacement.commit()
    except BaseException:
        for replacement in reversed(staged):
            replacement.undo()
        raise
    finally:
        for replacement in staged:
            replacement.clean_up()


class _Replacement:
    """One file on its way to a new content. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = temporary_path(path)
        self._old: Path | None = None
        self._is_begun = False

    def stage(self, data: bytes) -> None:
        """Write the new content beside the old one, durably."""
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def commit(self) -> None:
        """Put the new content in place."""
        self._keep_old()
        self._is_begun = True
        self._new.replace(self._path)
        sync_folder(self._path.parent)

    def _keep_old(self) -> None:
        old = temporary_path(self._path)
        try:
            os.link(self._path, old, follow_symlinks=False)
        except (OSError, NotImplementedError):
            if not os.path.lexists(self._path):
                return
            shutil.copyfile(self._path, old, follow_symlinks=False)  # A file system without hard links.
        self._old = old

    def undo(self) -> None:
        """Put the old content back, as well as can be done on a disk that has just failed."""
        if not self._is_begun or self._new.exists():  # Never renamed: what is there is not ours.
            return
        with contextlib.suppress(OSError):
            if self._old is not None:
                self._old.replace(self._path)
            else:
                self._path.unlink()

    def clean_up(self) -> None:
        """Remove what is not needed any more."""
        for path in (self._new, self._old):
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink()


def remove_leftovers(folder: Path, of: str | None = None) -> None:
    """Remove what killed writers have left in a folder. Hold the lock; does not commit.

    Args:
        folder: Where to look.
        of: Remove only what was to become this file; None removes all.
    """
    for name in list_names(folder):
        found = _TEMPORARY.fullmatch(name)
        if found is not None and (of is None or found["name"] == of):
            with contextlib.suppress(OSError):
                (folder / name).unlink()


def discard_folder(folder: Path, trash: Path) -> None:
    """Remove a folder with all in it. Commits: it is there whole, or it is gone.

    Args:
        folder: What to remove; nothing happens where it is not there.
        trash: A new name on the same file system, in a folder that exists.

    Raises:
        OSError: It is still there.
    """
    try:
        folder.rename(trash)
    except FileNotFoundError:
        return
    sync_folder(folder.parent)
    sync_folder(trash.parent)
    shutil.rmtree(trash, ignore_errors=True)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
)


def _what_is_there(path: Path) -> str:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "something above it is not a folder"
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no regular file")
    return f"{kind} is in the place of a file"
