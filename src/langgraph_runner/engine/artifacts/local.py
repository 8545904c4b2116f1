"""`LocalArtifactStore`: artifacts in a folder of this machine, or in a folder that several machines mount."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from langgraph_runner.engine.artifacts.store import StoredFile, is_sha256
from langgraph_runner.runtime.disk import sync_folder
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LocalArtifactStore"]

_clock: Final = REAL_RUNTIMES.blocking
"""Real time, because the operating system stamps files with its own clock; names that no other process draws."""
_OWNERS: Final = ".owners"
"""A folder of empty files, named by the databases whose runs refer to files here."""


class LocalArtifactStore:
    """An `ArtifactStore` in a folder. Thread-safe, and safe for any number of processes.

    A file is written under a temporary name, flushed to disk (`fsync`) and renamed, so that it is either complete or
    absent, even after a power cut.

    Args:
        folder: The folder; it is created with the first file.

    Raises:
        ValueError: `folder` is a file.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).absolute()
        if self.folder.is_file():
            raise ValueError(f"artifacts must be a folder, got the file {str(folder)!r}.")

    def path(self, sha256: str) -> Path:
        """Return the path of a file. The file is named by its content: do not change it."""
        return self.folder / sha256[:2] / sha256

    def put(self, sha256: str, data: bytes) -> StoredFile:
        """See `ArtifactStore`."""
        place = self.path(sha256)
        while True:
            _write(place, data)
            # `delete()` moves a file aside while it reads its age, and moves a new one back.
            found = self.stat(sha256)
            if found is not None:
                return found

    def open(self, sha256: str) -> BinaryIO:
        """See `ArtifactStore`."""
        return self.path(sha256).open("rb")

    def stat(self, sha256: str) -> StoredFile | None:
        """See `ArtifactStore`."""
        try:
            found = self.path(sha256).stat()
        except FileNotFoundError:
            return None
        version = f"{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}"
        return StoredFile(found.st_size, version, _age_s(found))

    def uri(self, sha256: str) -> str:
        """See `ArtifactStore`."""
        return self.path(sha256).as_uri()

    def old_files(self, min_age_s: float) -> list[str]:
        """See `ArtifactStore`. The remains of an unfinished `put()` are named by their path in the folder."""
        names: list[str] = []
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for file in folder.iterdir():
                with suppress(FileNotFoundError):
                    if file.is_file() and _age_s(file.stat()) >= min_age_s:
                        names.append(file.name if is_sha256(file.name) else f"{folder.name}/{file.name}")
        return names

    def delete(self, names: Iterable[str], min_age_s: float) -> tuple[int, int]:
        """See `ArtifactStore`.

        A file is moved aside before its age is read, because a step may write it again at this moment. A new file is
        moved back.
        """
        count = size = 0
        for name in names:
            file = self.path(name) if is_sha256(name) else self.folder / name
            with suppress(FileNotFoundError):
                aside = file.with_name(f".{file.name.lstrip('.')}.{_clock.token_hex(4)}")
                file.replace(aside)
                found = aside.stat()
                if _age_s(found) < min_age_s:
                    aside.replace(file)
                    continue
                aside.unlink()
                count, size = count + 1, size + found.st_size
        return count, size

    def mark_owner(self, database: str) -> None:
        """See `ArtifactStore`."""
        (self.folder / _OWNERS).mkdir(parents=True, exist_ok=True)
        (self.folder / _OWNERS / database).touch()

    def owners(self) -> set[str]:
        """See `ArtifactStore`."""
        with suppress(FileNotFoundError):
            return {each.name for each in (self.folder / _OWNERS).iterdir()}
        return set()


def _age_s(found: os.stat_result) -> float:
    return _clock.now_utc().timestamp() - found.st_mtime


def _write(place: Path, data: bytes) -> None:
    if not place.parent.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(place.parent.parent)
    beside = place.with_name(f".{place.name}.{_clock.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        sync_folder(place.parent)
    finally:
        beside.unlink(missing_ok=True)
