"""The files of an installed distribution, as ``RECORD`` lists them.

``Distribution.files`` would do, but since Python 3.12 it leaves out files that do not exist. An audit has to report
them.
"""

import csv
from dataclasses import dataclass
from importlib import metadata
from pathlib import PurePosixPath


@dataclass(frozen=True, order=True)
class RecordedFile:
    """One line of ``RECORD``. The path is relative to the folder of the distribution."""

    path: PurePosixPath
    sha256: str = ""
    """In the encoding of ``RECORD``; empty if there is no such digest."""
    size: int = 0
    """In bytes; 0 if unknown."""


def recorded_files(distribution: metadata.Distribution) -> list[RecordedFile]:
    """List the files of a distribution, whether they exist or not.

    The egg of an old installer has no ``RECORD``; only its existing files are listed.
    """
    record = distribution.read_text("RECORD")
    if record is None:
        return [RecordedFile(PurePosixPath(file)) for file in distribution.files or []]
    return [recorded_file(*row) for row in csv.reader(record.splitlines()) if row]


def recorded_file(path: str, digest: str = "", size: str = "") -> RecordedFile:
    """Read one line of ``RECORD``; digest and size may be empty."""
    algorithm, _, value = digest.partition("=")
    return RecordedFile(
        path=PurePosixPath(path),
        sha256=value if algorithm == "sha256" else "",
        size=int(size or 0),
    )
