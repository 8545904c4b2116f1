"""`ArtifactFiles`: stores and reads artifacts in an `ArtifactStore`. Equal bytes are stored once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from langgraph_runner.engine import checks
from langgraph_runner.engine.artifacts.local import LocalArtifactStore
from langgraph_runner.engine.artifacts.store import ArtifactStore, StoredFile, is_sha256
from langgraph_runner.engine.errors import ArtifactError, ArtifactUnavailableError
from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.node import get_node_context
from langgraph_runner.runtime.runtimes import monotonic
from langgraph_runner.workflow import ArtifactRef
from langgraph_runner.workflow.context import is_artifact_name, is_media_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.node import Success

__all__ = ["ArtifactFiles", "StepArtifacts", "open_artifact_store"]

_WRITE_AGAIN_AFTER_S: Final = 3_600
"""A file that is saved again after so long is written again, so that it counts as new and is not deleted."""
_FIX: Final = "A further run makes it again."
_MAX_CHECKED: Final = 65_536
_LONG_BYTES: Final = 262_144
"""Reading so many bytes takes about a millisecond."""
_CHUNK: Final = 1_048_576
_TRUSTED_S: Final = 10.0
"""How long `has_recently()` relies on an earlier check of a store that is not local."""


def open_artifact_store(given: ArtifactStore | Path | str) -> ArtifactStore:
    """Return the store for a folder or a URL, or the given store.

    Raises:
        ValueError: `given` is a file, or a URL that fsspec does not support.
        TypeError: `given` has another type.
        ModuleNotFoundError: The URL needs a library that is not installed.
    """
    if isinstance(given, str) and "://" in given:
        if given.startswith("file://"):  # A folder needs no fsspec, and files in it are flushed to disk.
            address = urlsplit(given)
            if address.netloc not in {"", "localhost"}:
                raise ValueError(f"artifacts: the URL must be file:/// and a path, got {given!r:.80}.")
            return LocalArtifactStore(url2pathname(address.path))
        from langgraph_runner.engine import FsspecArtifactStore  # noqa: PLC0415 - of an extra

        return FsspecArtifactStore(given)
    if isinstance(given, (str, Path)):
        return LocalArtifactStore(given)
    checks.of_kind(
        given, ArtifactStore, field="artifacts", fix="a folder, a URL such as s3://..., or a store"
    )
    return given


class ArtifactFiles:
    """Stores files, and verifies what it reads. Thread-safe; it blocks as the store does.

    Args:
        store: The store.
        owner: The id of the database whose runs refer to the files; None records no owner.
    """

    def __init__(self, store: ArtifactStore, owner: str | None = None) -> None:
        self.store = store
        self.is_local = isinstance(store, LocalArtifactStore)
        """Whether checking a file is so fast that the event loop and transactions may wait for it."""
        self._owner = owner
        self._is_marked = False
        self._checked: dict[str, str] = {}
        """The versions of files whose content was verified."""
        self._looked: dict[str, tuple[float, bool]] = {}
        """When files of a store that is not local were last checked, and whether they were intact."""

    def put(self, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Store a file.

        Raises:
            ArtifactError: The name or the media type is not valid, or the file cannot be written.
        """
        if not is_artifact_name(name):
            raise ArtifactError(
                name=name, problem="the name must be a relative path, such as 'images/hero.svg'."
            )
        if not is_media_type(media_type):
            raise ArtifactError(
                name=name, problem=f"the media type must be such as 'image/svg+xml', got {media_type!r:.80}."
            )
        sha256 = hashlib.sha256(data).hexdigest()
        uri = self.store.uri(sha256)
        try:
            self._mark_owner()
            found = self._intact(sha256, len(data))
            if found is None or found.age_s > _WRITE_AGAIN_AFTER_S:
                self._note(sha256, self.store.put(sha256, data).version)
        except Exception as error:  # A custom store may raise anything.
            folder = uri.rpartition("/")[0]
            raise ArtifactError(name=name, problem=f"it cannot be kept in {folder}: {error}") from error
        self._remember_look(sha256, is_intact=True)
        return ArtifactRef(name, uri, media_type, len(data), sha256)

    def read(self, ref: ArtifactRef) -> bytes:
        """Return the content of a file.

        Raises:
            ArtifactError: The file is missing or damaged, or the reference is not valid.
            ArtifactUnavailableError: The store does not answer.
        """
        self._check(ref)
        uri = self.store.uri(ref.sha256)
        try:
            with self.store.open(ref.sha256) as file:
                data = file.read()
        except FileNotFoundError as error:
            raise ArtifactError(name=ref.name, problem=f"it cannot be read: {uri} is gone. {_FIX}") from error
        except Exception as error:
            raise ArtifactUnavailableError(
                name=ref.name, problem=f"it cannot be read: {error}. Check that {uri} can be reached."
            ) from error
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ArtifactError(
                name=ref.name, problem=f"the bytes at {uri} are not those that were kept. {_FIX}"
            )
        return data

    def verify(self, ref: ArtifactRef) -> None:
        """Raise unless the file is intact. Its content is read only if that of this version was not verified before.

        Raises:
            ArtifactError: The file is missing or was changed, or the reference is not valid.
            ArtifactUnavailableError: The store does not answer.
        """
        self._check(ref)
        try:
            stored = self._intact(ref.sha256, ref.size)
        except Exception as error:  # A custom store may raise anything.
            raise ArtifactUnavailableError(name=ref.name, problem=f"it cannot be read: {error}") from error
        if stored is None:
            raise ArtifactError(name=ref.name, problem=f"the file is gone or was changed. {_FIX}")

    def has(self, ref: ArtifactRef) -> bool:
        """Return whether the file is intact; False also if the store fails.

        The content is read only when this process checks the file for the first time, and after it was written again.
        """
        if not is_sha256(ref.sha256):
            return False
        try:
            is_intact = self._intact(ref.sha256, ref.size) is not None
        except Exception as error:  # Then it is a cache miss.
            log_event(logging.WARNING, "files.unreadable", **cause(error))
            is_intact = False
        self._remember_look(ref.sha256, is_intact=is_intact)
        return is_intact

    def has_recently(self, ref: ArtifactRef) -> bool:
        """Return `has()`, from the last ten seconds where possible, so that no transaction waits for a network."""
        looked = None if self.is_local else self._looked.get(ref.sha256)
        if looked is not None:
            moment, is_intact = looked
            if monotonic() - moment < _TRUSTED_S:
                return is_intact
        return self.has(ref)

    async def has_all(self, refs: Iterable[ArtifactRef]) -> bool:
        """Return whether all files are intact. Long reads, and reads of a store that is not local, run in threads."""
        files = [*refs]
        if not self.is_local:
            return all(await asyncio.gather(*(asyncio.to_thread(self.has, each) for each in files)))
        if sum(each.size for each in files if self._has_to_be_read(each.sha256)) > _LONG_BYTES:
            return await asyncio.to_thread(lambda: all(map(self.has, files)))
        return all(map(self.has, files))

    def local_path(self, ref: ArtifactRef) -> Path | None:
        """Return the path of a file on this machine, even if it is missing; None if the store is not local.

        Raises:
            ArtifactError: The reference is not valid.
        """
        self._check(ref)
        return self.store.path(ref.sha256) if isinstance(self.store, LocalArtifactStore) else None

    def path(self, ref: ArtifactRef) -> Path:
        """Return the path of a file on this machine. The file is named by its content: do not change it.

        Raises:
            ArtifactError: The reference is not valid, or the store is not local.
        """
        path = self.local_path(ref)
        if path is None:
            uri = self.store.uri(ref.sha256)
            raise ArtifactError(
                name=ref.name, problem=f"{uri} is not a file of this machine; read it with read_artifact()."
            )
        return path

    def _mark_owner(self) -> None:
        if self._owner is not None and not self._is_marked:
            self.store.mark_owner(self._owner)
            self._is_marked = True

    def _check(self, ref: ArtifactRef) -> None:
        """Raise for a reference that leads out of the store."""
        if not is_sha256(ref.sha256):
            problem = f"its sha256 must be 64 lower-case hex digits, got {ref.sha256!r:.80}."
            raise ArtifactError(name=ref.name, problem=problem)

    def _intact(self, sha256: str, size: int) -> StoredFile | None:
        """Return the metadata of a file if it is intact; else None."""
        found = self.store.stat(sha256)
        if found is None or found.size != size:
            return None
        if self._checked.get(sha256) != found.version:
            try:
                with self.store.open(sha256) as file:
                    if _digest(file) != sha256:
                        return None
            except FileNotFoundError:
                return None
            self._note(sha256, found.version)
        return found

    def _has_to_be_read(self, sha256: str) -> bool:
        try:
            found = self.store.stat(sha256) if is_sha256(sha256) else None
        except OSError:
            return False
        return found is not None and self._checked.get(sha256) != found.version

    def _remember_look(self, sha256: str, *, is_intact: bool) -> None:
        if self.is_local:
            return
        if len(self._looked) >= _MAX_CHECKED:
            self._looked.clear()
        # Real time, because this is about a real network, also in tests with another clock.
        self._looked[sha256] = (monotonic(), is_intact)

    def _note(self, sha256: str, version: str) -> None:
        if len(self._checked) >= _MAX_CHECKED:
            self._checked.clear()
        self._checked[sha256] = version


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class StepArtifacts:
    """The files that a step saves while it runs: an `ArtifactSink`. Files of failed attempts do not count."""

    def __init__(self, files: ArtifactFiles) -> None:
        self._files = files
        self._saved: dict[tuple[int, bool], dict[str, ArtifactRef]] = {}

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Store a file for the current attempt. The last file of each name counts."""
        del step  # There is only one.
        ref = self._files.put(name, data, media_type)
        context = get_node_context()
        attempt = (context.attempt, context.primary_error is not None)
        self._saved.setdefault(attempt, {})[name] = ref
        return ref

    def of(self, success: Success) -> tuple[ArtifactRef, ...]:
        """Return the files of the attempt that succeeded."""
        return tuple(self._saved.get((max(success.attempts, 1), success.fallback_used), {}).values())
