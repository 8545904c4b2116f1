"""`FsspecArtifactStore`: artifacts in an object store, or on any other filesystem that fsspec reaches."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from fsspec import available_protocols
from fsspec.core import url_to_fs

from langgraph_runner.engine.artifacts.store import StoredFile, is_sha256
from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FsspecArtifactStore"]

_clock: Final = REAL_RUNTIMES.blocking
"""Real time, because the storage has a clock of its own; names that no other process draws."""
_OWNERS: Final = ".owners"
_DELETING: Final = ".deleting"
"""The folder of deletion marks: one empty file for each file that is being deleted, named `<sha256>.<token>`."""
_FOLDER: Final = re.compile(r"[0-9a-f]{2}")
_RENAMES: Final = frozenset({"file", "local", "sftp", "ssh", "smb", "hdfs", "arrow_hdfs"})
"""Filesystems on which a file grows while it is written, and which can rename it afterwards."""
_TIMES: Final = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
"""The names of the time of the last change in different filesystems, the most precise first."""
_MAX_DELETION_S: Final = 60.0
"""After so long, a deletion gives up, and other processes ignore its mark."""
_LOOK_AGAIN_S: Final = 0.05
_MAX_ATTEMPTS: Final = 100


class FsspecArtifactStore:
    """An `ArtifactStore` at a URL of fsspec: `s3://bucket/prefix`, `gs://...`, `abfs://...`, `memory://...`.

    Each filesystem needs its library, such as `s3fs` for `s3://`. Thread-safe, and safe for any number of processes.

    A file appears whole or not at all: an object store has it when the upload is complete, and on a filesystem that
    renames (`file`, `sftp`, `smb`, `hdfs`) it is written beside its place and moved there. Nothing is flushed by
    `fsync` here: what the storage has confirmed counts as durable. For a local folder use `LocalArtifactStore`.

    Object stores cannot move a file aside, so `delete()` announces each deletion by a mark, looks at the age again,
    deletes, and removes the mark; `put()` looks for such a mark after it has written, and writes again if one was
    there. This needs a storage whose reads and lists show all earlier writes, as S3, Google Cloud Storage and Azure
    have. A clock that differs from that of the storage shifts the ages of files by that much.

    Args:
        url: Where; its last part is a folder or a prefix.
        **options: Of the filesystem, such as `endpoint_url=` of `s3fs`. Secrets belong to the environment.

    Raises:
        ValueError: fsspec does not know the scheme, or the URL names no bucket or folder.
        ModuleNotFoundError: The library of the filesystem is not installed.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._fs, root = _filesystem(url, options)
        self._root: str = self._fs._strip_protocol(root).rstrip("/")  # noqa: SLF001 - fsspec documents it
        protocols = self._fs.protocol
        names = {protocols} if isinstance(protocols, str) else {*protocols}
        if not url.partition("://")[2].strip("/") and "memory" not in names:
            raise ValueError(f"artifacts: the URL must name a bucket or a folder, got {url!r:.80}.")
        self._renames = bool(names & _RENAMES)

    def put(self, sha256: str, data: bytes) -> StoredFile:
        """See `ArtifactStore`."""
        for _ in range(_MAX_ATTEMPTS):
            self._write(self._place(sha256), data)
            if not self._was_being_deleted(sha256):
                # In this order: a deletion that has just ended left no mark, but no file either.
                found = self.stat(sha256)
                if found is not None:
                    return found
        raise OSError(f"{self.uri(sha256)} was deleted {_MAX_ATTEMPTS} times while it was written.")

    def open(self, sha256: str) -> BinaryIO:
        """See `ArtifactStore`. The file is in memory then."""
        data: bytes = self._fs.cat_file(self._place(sha256))
        return BytesIO(data)

    def stat(self, sha256: str) -> StoredFile | None:
        """See `ArtifactStore`."""
        found = self._info(self._place(sha256))
        if found is None:
            return None
        return StoredFile(int(found["size"]), str(found), self._age_s(found))

    def uri(self, sha256: str) -> str:
        """See `ArtifactStore`."""
        return str(self._fs.unstrip_protocol(self._place(sha256)))

    def old_files(self, min_age_s: float) -> list[str]:
        """See `ArtifactStore`. What an unfinished `put()` has left is named by its path below the URL."""
        names: list[str] = []
        self._fs.invalidate_cache()
        for path, info in self._fs.find(self._root, detail=True).items():
            name = path.removeprefix(self._root).lstrip("/")
            folder, _, file = name.partition("/")
            if _FOLDER.fullmatch(folder) and "/" not in file and self._age_s(info) >= min_age_s:
                names.append(file if is_sha256(file) else name)
        return names

    def delete(self, names: Iterable[str], min_age_s: float) -> tuple[int, int]:
        """See `ArtifactStore`."""
        count = size = 0
        for name in names:
            deleted = self._delete(name, min_age_s)
            if deleted is not None:
                count, size = count + 1, size + deleted
        return count, size

    def mark_owner(self, database: str) -> None:
        """See `ArtifactStore`."""
        self._write(f"{self._root}/{_OWNERS}/{database}", b"")

    def owners(self) -> set[str]:
        """See `ArtifactStore`."""
        return {name for name, _ in self._listed(_OWNERS)}

    def _place(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def _write(self, place: str, data: bytes) -> None:
        if not self._renames:
            self._fs.pipe_file(place, data)
            return
        folder, _, name = place.rpartition("/")
        self._fs.makedirs(folder, exist_ok=True)
        beside = f"{folder}/.{name}.{_clock.token_hex(8)}"
        try:
            self._fs.pipe_file(beside, data)
            try:
                self._fs.mv(beside, place)
            except OSError:  # Not every filesystem replaces a file.
                self._remove(place)
                self._fs.mv(beside, place)
        except BaseException:
            with suppress(Exception):
                self._remove(beside)
            raise

    def _delete(self, name: str, min_age_s: float) -> int | None:
        """Delete a file that is still so old; return its size, or None if it stays or is gone."""
        place = self._place(name) if is_sha256(name) else f"{self._root}/{name}"
        token = _clock.token_hex(8)
        mark = f"{self._root}/{_DELETING}/{place.rpartition('/')[2]}.{token}"
        begin = _clock.monotonic()
        self._write(mark, b"")
        try:
            found = self._info(place)
            if found is None or self._age_s(found) < min_age_s:
                return None
            if _clock.monotonic() - begin > _MAX_DELETION_S / 2:
                return None  # A `put()` may soon ignore the mark, as that of a dead process.
            return int(found["size"]) if self._remove(place) else None
        finally:
            self._remove(mark)

    def _was_being_deleted(self, sha256: str) -> bool:
        """Return whether another caller was deleting the file; wait until the deletion has ended."""
        was_marked = False
        while True:
            marks = [
                (name, info) for name, info in self._listed(_DELETING) if name.partition(".")[0] == sha256
            ]
            for name, info in marks:
                if self._age_s(info) > _MAX_DELETION_S:  # Its process has died.
                    self._remove(f"{self._root}/{_DELETING}/{name}")
            if not marks:
                return was_marked
            was_marked = True
            threading.Event().wait(_LOOK_AGAIN_S)

    def _listed(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the names and the metadata of the files of a folder."""
        path = f"{self._root}/{folder}"
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(path, detail=True)
        except FileNotFoundError:
            return []
        return [(each["name"].rpartition("/")[2], each) for each in found if each["type"] == "file"]

    def _info(self, path: str) -> dict[str, Any] | None:
        self._fs.invalidate_cache()  # Some filesystems would answer from a cached list.
        try:
            found: dict[str, Any] = self._fs.info(path)
        except (
            FileNotFoundError,
            KeyError,
        ):  # `memory://` raises KeyError if the file is deleted at this moment.
            return None
        return found if found["type"] == "file" else None

    def _remove(self, path: str) -> bool:
        """Delete a file; return False if it does not exist."""
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            return False
        return True

    def _age_s(self, info: dict[str, Any]) -> float:
        now = _clock.now_utc().timestamp()
        for name in _TIMES:
            moment = _timestamp(info.get(name))
            if moment is not None:
                return now - moment
        try:
            return now - (_timestamp(self._fs.modified(info["name"])) or now)
        except (FileNotFoundError, NotImplementedError):
            return 0.0  # A file of unknown age is never collected.


def _filesystem(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    scheme, separator, _ = url.partition("://")
    if not scheme or not separator:
        raise ValueError(f"artifacts: the URL must begin with a scheme such as s3://, got {url!r:.80}.")
    try:
        found: tuple[Any, str] = url_to_fs(url, **options)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or error.name or ""
        library = missing.partition(".")[0] or "the library of that filesystem"
        raise ModuleNotFoundError(
            f"artifacts: {scheme}:// needs {library}: pip install {library}", name=missing or None
        ) from error
    except ValueError as error:
        if scheme in available_protocols():
            raise
        raise ValueError(
            f"artifacts: the scheme must be one that fsspec knows, such as s3, gs, abfs, sftp or memory,"
            f" got {scheme!r:.80}.{did_you_mean(scheme, available_protocols())}"
        ) from error
    return found


def _timestamp(value: Any) -> float | None:
    """Return the seconds since 1970 for a time in any form that filesystems use."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    return float(value) if isinstance(value, int | float) else None
