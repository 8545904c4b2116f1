"""`ArtifactStore`: files by their content, in a folder. The same bytes are kept once, and written once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.errors import ArtifactError
from langgraph_runner.node import get_node_context
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import ArtifactRef
from langgraph_runner.workflow.context import is_artifact_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.node import Success

__all__ = ["ArtifactStore", "StepArtifacts", "sync_folder"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_OWNERS: Final = ".owners"
"""A folder of files named by the databases whose runs refer to files here."""
_TOUCH_AFTER_S: Final = 3_600
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+(;.*)?")
_MAX_MEDIA_TYPE: Final = 128
_FIX: Final = "A further run makes it again."
_MAX_CHECKED: Final = 65_536
_LONG_BYTES: Final = 262_144
"""To read so much takes about a millisecond."""


class ArtifactStore:
    """Keeps files under their SHA-256. Thread-safe, and safe for any number of processes.

    A file is written beside its place, flushed to disk and moved there, so that it is either whole or not there.

    Args:
        folder: Where; it is made with the first file.

    Raises:
        ValueError: It is a file.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).absolute()
        if self.folder.is_file():
            raise ValueError(f"artifacts: {str(folder)!r} is a file; give a folder.")
        self._checked: dict[str, tuple[int, int, int]] = {}
        """What identified files when their content was last looked at."""
        self._owner: str | None = None
        self._is_marked = False

    def put(self, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Keep a file.

        Raises:
            ArtifactError: The name or the media type is none, or the file cannot be written.
        """
        if not is_artifact_name(name):
            raise ArtifactError(name=name, problem="the name is no relative path, such as 'images/hero.svg'.")
        if not _MEDIA_TYPE.fullmatch(media_type) or len(media_type) > _MAX_MEDIA_TYPE:
            raise ArtifactError(
                name=name, problem=f"{media_type!r:.80} is no media type, such as 'image/svg+xml'."
            )
        sha256 = hashlib.sha256(data).hexdigest()
        place = self._place(sha256)
        try:
            if not (self._is_whole(sha256, len(data)) and self._keep_young(place)):
                _write(place, data)
                self._note(sha256, place.stat())
            self._mark_owner()
        except OSError as error:
            raise ArtifactError(name=name, problem=f"it cannot be kept in {place.parent}: {error}") from error
        return ArtifactRef(name, place.as_uri(), media_type, len(data), sha256)

    def own(self, store_id: str) -> None:
        """Say which database refers to files here, before the first one is kept."""
        self._owner = store_id

    def owners(self) -> set[str]:
        """The databases whose runs refer to files here."""
        with suppress(FileNotFoundError):
            return {each.name for each in (self.folder / _OWNERS).iterdir()}
        return set()

    def _mark_owner(self) -> None:
        if self._owner is not None and not self._is_marked:
            (self.folder / _OWNERS).mkdir(exist_ok=True)
            (self.folder / _OWNERS / self._owner).touch()
            self._is_marked = True

    def _keep_young(self, place: Path) -> bool:
        """Have a file that is kept again count as new, so that it is not collected; False if it is gone."""
        now = REAL_RUNTIMES.blocking.now_utc().timestamp()
        try:
            if now - place.stat().st_mtime > _TOUCH_AFTER_S:
                os.utime(place, (now, now))
        except FileNotFoundError:
            return False
        return True

    def old_files(self, min_age_s: float) -> list[Path]:
        """Files that were kept, or left half written, at least so long ago."""
        latest = REAL_RUNTIMES.blocking.now_utc().timestamp() - min_age_s
        found: list[Path] = []
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for file in folder.iterdir():
                with suppress(FileNotFoundError):
                    if file.is_file() and file.stat().st_mtime <= latest:
                        found.append(file)
        return found

    def delete(self, files: Iterable[Path], min_age_s: float) -> tuple[int, int]:
        """Delete files that are still so old; gives how many, and their bytes.

        A file is moved away before its age is read, because a step may keep it again at this moment: then it is
        moved back.
        """
        count = size = 0
        for file in files:
            with suppress(FileNotFoundError):
                aside = file.with_name(f".{file.name.lstrip('.')}.{REAL_RUNTIMES.blocking.token_hex(4)}")
                file.replace(aside)
                found = aside.stat()
                if REAL_RUNTIMES.blocking.now_utc().timestamp() - found.st_mtime < min_age_s:
                    aside.replace(file)
                    continue
                aside.unlink()
                count, size = count + 1, size + found.st_size
        return count, size

    def has(self, ref: ArtifactRef) -> bool:
        """Whether the file is there, with the content that was kept.

        That is read when this process sees the file for the first time, and when it has been changed since.
        """
        return self._is_whole(ref.sha256, ref.size)

    async def has_all(self, refs: Iterable[ArtifactRef]) -> bool:
        """Whether all these files are there; apart from the event loop if much has to be read for that."""
        files = [*refs]
        if sum(each.size for each in files if self._has_to_be_read(each.sha256)) > _LONG_BYTES:
            return await asyncio.to_thread(lambda: all(map(self.has, files)))
        return all(map(self.has, files))

    def read(self, ref: ArtifactRef) -> bytes:
        """The content of a file.

        Raises:
            ArtifactError: It is gone, its bytes are not those that were kept, or the reference is not one that a
                store has given.
        """
        self._check(ref)
        try:
            data = self._place(ref.sha256).read_bytes()
        except OSError as error:
            raise ArtifactError(name=ref.name, problem=f"it cannot be read: {error}. {_FIX}") from error
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ArtifactError(name=ref.name, problem=f"its bytes are not those that were kept. {_FIX}")
        return data

    def path(self, ref: ArtifactRef) -> Path:
        """Where the file is. It is named by its content; do not change it.

        Raises:
            ArtifactError: The reference is not one that a store has given.
        """
        self._check(ref)
        return self._place(ref.sha256)

    def _check(self, ref: ArtifactRef) -> None:
        """Refuse a reference that would lead out of the folder."""
        if not _is_sha256(ref.sha256):
            problem = f"its sha256 must be 64 lower-case hex digits, got {ref.sha256!r:.80}."
            raise ArtifactError(name=ref.name, problem=problem)

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _is_whole(self, sha256: str, size: int) -> bool:
        if not _is_sha256(sha256):
            return False
        place = self._place(sha256)
        try:
            found = place.stat()
            if found.st_size != size:
                return False
            if self._checked.get(sha256) != _identity(found):
                with place.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                        return False
                self._note(sha256, found)
        except OSError:
            return False
        return True

    def _has_to_be_read(self, sha256: str) -> bool:
        with suppress(OSError):
            return self._checked.get(sha256) != _identity(self._place(sha256).stat())
        return False

    def _note(self, sha256: str, found: os.stat_result) -> None:
        if len(self._checked) >= _MAX_CHECKED:
            self._checked.clear()
        self._checked[sha256] = _identity(found)


class StepArtifacts:
    """What a step saves while it runs: an `ArtifactSink`. Files of an attempt that failed do not count."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._saved: dict[tuple[int, bool], dict[str, ArtifactRef]] = {}

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Keep a file for the attempt that is under way. The last one of a name counts."""
        del step  # There is only one.
        ref = self._store.put(name, data, media_type)
        context = get_node_context()
        attempt = (context.attempt, context.primary_error is not None)
        self._saved.setdefault(attempt, {})[name] = ref
        return ref

    def of(self, success: Success) -> tuple[ArtifactRef, ...]:
        """What the attempt that succeeded has saved."""
        return tuple(self._saved.get((max(success.attempts, 1), success.fallback_used), {}).values())


def _is_sha256(text: object) -> bool:
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    """What changes with the content of a file."""
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _write(place: Path, data: bytes) -> None:
    if not place.parent.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(place.parent.parent)
    beside = place.with_name(f".{place.name}.{REAL_RUNTIMES.blocking.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        sync_folder(place.parent)
    finally:
        beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have what was made in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
