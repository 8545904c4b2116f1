"""Reading without hanging, and replacing several files so that each has its old or its new content.

A file is written under a unique name in a staging folder, fsynced, and renamed; then its own folder is fsynced. All
files of one replacement are complete on disk before the first is renamed. If anything fails, what was renamed is put
back. The staging folder is the same for all files of a history, so that the next writer finds what a killed one left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from io import FileIO
from typing import TYPE_CHECKING, Final

from langgraph_runner.graph.json_saver.errors import (
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointTooLargeError,
    CheckpointWriteError,
)
from langgraph_runner.runtime.disk import sync_folder
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "discard_folder",
    "ensure_folder",
    "folder_exists",
    "folder_stat",
    "list_names",
    "open_regular",
    "read_file",
    "remove_leftovers",
    "replace_files",
    "unreadable",
    "writing_errors",
]

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.tmp")
_SAFE_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Never through a symbolic link, and never waiting for the other end of a fifo."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file without waiting. It must have no other name: that could be one outside of the store.

    Raises:
        CheckpointNotAFileError: Something else is there, or the file has several hard links.
        FileNotFoundError: Nothing is there.
        OSError: The operating system refuses.
    """
    try:
        descriptor = os.open(path, flags | _SAFE_FLAGS, 0o666)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR}:
            raise CheckpointNotAFileError(path, _what_is_there(path), errno=error.errno) from error
        raise
    status = os.fstat(descriptor)
    is_file = stat.S_ISREG(status.st_mode)
    if is_file and status.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    if is_file:
        problem = f"the file has {status.st_nlink} hard links; put a copy in its place"
        raise CheckpointNotAFileError(path, problem)
    raise CheckpointNotAFileError(path, _what_is_there(path))


def read_file(path: Path, max_bytes: int | None = None, *, only_first: int | None = None) -> bytes | None:
    """Return all bytes of a file, or its first `only_first` ones; None if the file does not exist.

    Raises:
        CheckpointNotAFileError: Something else is there.
        CheckpointReadError: The operating system refuses.
        CheckpointTooLargeError: There are more than `max_bytes`.
    """
    try:
        with FileIO(open_regular(path, os.O_RDONLY)) as file:
            size = os.fstat(file.fileno()).st_size
            if max_bytes is not None and size > max_bytes:
                raise CheckpointTooLargeError(path, f"{size:,} bytes; at most {max_bytes:,} are read")
            return file.readall() if only_first is None else file.read(only_first)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; an empty list if it does not exist.

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
        raise unreadable(folder, error) from error


def folder_stat(folder: Path) -> os.stat_result | None:
    """Return what the operating system knows of a folder; None if it does not exist.

    Raises:
        CheckpointNotAFileError: Something else is there; a symbolic link is never followed.
        OSError: The operating system refuses.
    """
    try:
        found = os.lstat(folder)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise _not_a_folder(folder.parent) from error
    if not stat.S_ISDIR(found.st_mode):
        raise _not_a_folder(folder)
    return found


def folder_exists(folder: Path) -> bool:
    """Whether there is a folder.

    Raises:
        CheckpointNotAFileError: Something else is there; a symbolic link is never followed.
        CheckpointReadError: The operating system refuses.
    """
    try:
        return folder_stat(folder) is not None
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(path: Path, error: OSError) -> CheckpointReadError:
    """Return the error for what the operating system does not let us read."""
    return CheckpointReadError(path, _reason(error), errno=error.errno)


@contextlib.contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn each `OSError` inside into a `CheckpointWriteError` about `path`."""
    try:
        yield
    except OSError as error:
        raise CheckpointWriteError(path, f"not written: {_reason(error)}", errno=error.errno) from error


def ensure_folder(folder: Path, *, is_link_allowed: bool = False) -> None:
    """Make a folder with its missing parents, durably. A folder of the user may be a symbolic link to one.

    Raises:
        CheckpointNotAFileError: Something else is there.
        OSError: The operating system refuses.
    """
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        ensure_folder(folder.parent, is_link_allowed=is_link_allowed)
        with contextlib.suppress(FileExistsError):  # Another process was faster.
            folder.mkdir()
        sync_folder(folder.parent)
        return
    except NotADirectoryError as error:
        raise CheckpointNotAFileError(folder.parent, "a folder should be here") from error
    if not stat.S_ISDIR(mode) and not (is_link_allowed and folder.is_dir()):
        raise _not_a_folder(folder)


def replace_files(contents: Sequence[tuple[Path, bytes]], *, staging: Path, copy: Path | None = None) -> None:
    """Write files in their order, each atomically. Commits: when this returns, they are durable.

    Killed in between, a file has its old content or its new one. Hold the lock.

    Args:
        contents: The files with their new bytes.
        staging: The folder for temporary files, on the same file system.
        copy: The last of them, if a power cut may leave its old content or a part of the new one: it is not
            fsynced. Nothing can fail after it, so it is never put back. Its temporary file is in its own folder.

    Raises:
        CheckpointWriteError: Every file is as it was.
    """
    staged: list[_Replacement] = []
    path = contents[0][0]
    try:
        with writing_errors(path):
            for path, data in contents:
                staged.append(_Replacement(path, path.parent if path == copy else staging))
                staged[-1].write(data)
            for replacement in staged:
                path = replacement.path
                replacement.close(is_durable=path != copy)
            for replacement in staged:
                path = replacement.path
                replacement.commit(is_copy=replacement.path == copy)
    except BaseException:
        is_complete = len(staged) == len(contents) and staged[-1].is_in_place()
        if not (is_complete and path == copy):  # Otherwise it is a Ctrl-C after everything was done.
            for replacement in reversed(staged):
                replacement.undo()
        raise
    finally:
        for replacement in staged:
            replacement.clean_up()


class _Replacement:
    """The replacement of one file. Used by one thread."""

    def __init__(self, path: Path, staging: Path) -> None:
        self.path = path
        self._staging = staging
        self._new = self._temporary_path()
        self._old: Path | None = None
        self._is_begun = False
        self._is_new_there = True
        self._descriptor: int | None = None

    def write(self, data: bytes) -> None:
        """Write the new content beside the old one."""
        self._descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS, 0o666)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self, *, is_durable: bool) -> None:
        """End writing. Called once all files are written: the first fsync then serves the names of all."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            try:
                if is_durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def commit(self, *, is_copy: bool) -> None:
        """Put the new content in place."""
        if not is_copy:
            self._keep_old()
        self._is_begun = True
        self._new.replace(self.path)
        self._is_new_there = False
        if not is_copy:
            sync_folder(self.path.parent)

    def _temporary_path(self) -> Path:
        return self._staging / f".{self.path.name}.{REAL_RUNTIMES.blocking.token_hex(8)}.tmp"

    def _keep_old(self) -> None:
        if os.path.lexists(self.path):
            # No hard link: a writer that is killed would leave a file with two names.
            self._old = self._temporary_path()
            shutil.copyfile(self.path, self._old, follow_symlinks=False)

    def is_in_place(self) -> bool:
        """Whether the new content has replaced the old one."""
        return self._is_begun and not self._new.exists()

    def undo(self) -> None:
        """Put the old content back, as far as a disk that has just failed allows it."""
        if not self.is_in_place():  # The file that is there is not the new one.
            return
        with contextlib.suppress(OSError):
            if self._old is None:
                self.path.unlink()
                return
            with contextlib.suppress(OSError):
                _sync_file(self._old)
            self._old.replace(self.path)

    def clean_up(self) -> None:
        """Remove the temporary files."""
        with contextlib.suppress(OSError):
            self.close(is_durable=False)
        for path in (self._new if self._is_new_there else None, self._old):
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | _SAFE_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, of: str | None = None) -> None:
    """Remove the temporary files that killed writers left in a folder, or only those of the file `of`.

    Hold the lock; does not commit.
    """
    for name in list_names(folder):
        found = _TEMPORARY.fullmatch(name)
        if found is not None and (of is None or found["name"] == of):
            with contextlib.suppress(OSError):
                (folder / name).unlink()


def discard_folder(folder: Path, trash: Path) -> None:
    """Remove a folder with its content. Commits: either all of it is there, or nothing.

    Args:
        folder: What to remove; nothing happens if it does not exist.
        trash: A new name on the same file system, in a folder that exists.

    Raises:
        OSError: It is still there.
    """
    try:
        folder.rename(trash)
    except FileNotFoundError:
        return
    try:
        sync_folder(folder.parent)
        sync_folder(trash.parent)
    except BaseException:
        trash.rename(folder)
        raise
    shutil.rmtree(trash, ignore_errors=True)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
)


def _not_a_folder(path: Path) -> CheckpointNotAFileError:
    return CheckpointNotAFileError(path, f"{_kind_of(path, 'a file')} is in the place of a folder")


def _what_is_there(path: Path) -> str:
    return f"{_kind_of(path, 'something else')} is in the place of a file"


def _kind_of(path: Path, other: str) -> str:
    try:
        mode = os.lstat(path).st_mode
    except OSError:  # Something above it is not a folder.
        return other
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return name
    return other
