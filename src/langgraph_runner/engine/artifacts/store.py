"""`ArtifactStore`: the protocol of storages for the bytes of artifacts.

The engine checks names and references, computes and verifies each SHA-256, and remembers what it has verified. A
store only keeps bytes under the SHA-256 that it is given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ArtifactStore", "StoredFile", "is_sha256"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class StoredFile(NamedTuple):
    """The metadata of a file."""

    size: int
    """In bytes."""
    version: str
    """Changes whenever the file is written, such as an ETag with the time of the last change."""
    age_s: float
    """Seconds since it was last written."""


@runtime_checkable
class ArtifactStore(Protocol):
    """Keeps bytes under their SHA-256, for any number of engines on any number of machines.

    All methods block, and are called from several threads at once. The engine calls them in worker threads, except
    for two: an async step that calls `ctx.save_artifact()` calls `put()` on the event loop of the engine, unless it
    uses `await ctx.asave_artifact()`. With a `LocalArtifactStore` the engine also looks at small files there.

    A `sha256` is 64 lower-case hex digits; the engine has checked that. Failures are `OSError`, or any other
    exception: a failed `put()` fails its step, and a failed `stat()` makes a cached result a miss.
    `langgraph_runner.testing.ArtifactStoreSuite` tests a store.
    """

    def put(self, sha256: str, data: bytes) -> StoredFile:
        """Store `data`. When this returns, the file is complete and counts as just written.

        A reader sees either the complete file or no file, never a part. An existing file is replaced, because it may
        be damaged. Two calls with the same bytes at the same time both succeed, and so does a call during `delete()`.
        """
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            FileNotFoundError: There is no such file.
        """
        ...

    def stat(self, sha256: str) -> StoredFile | None:
        """Return the current metadata of a file, not from a cache; None if there is no such file."""
        ...

    def uri(self, sha256: str) -> str:
        """Return the address of a file, without passwords. It is shown to users and kept with the run. No I/O."""
        ...

    def old_files(self, min_age_s: float) -> list[str]:
        """Return the names of files that were last written at least so many seconds ago.

        The name of a file is its SHA-256. The remains of an unfinished `put()` have other names.
        """
        ...

    def delete(self, names: Iterable[str], min_age_s: float) -> tuple[int, int]:
        """Delete files of `old_files()` that are still so old; return their number and their bytes.

        A file that `put()` writes again meanwhile stays, however close the two calls are.
        """
        ...

    def mark_owner(self, database: str) -> None:
        """Record that runs of a database refer to files here. A second call changes nothing."""
        ...

    def owners(self) -> set[str]:
        """Return the recorded databases. Nothing is deleted from a store that several databases use."""
        ...


def is_sha256(text: object) -> bool:
    """Return whether `text` is 64 lower-case hex digits."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
