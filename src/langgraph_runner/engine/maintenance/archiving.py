"""Archives of ended runs: `archive_runs` and `restore_runs`.

An archive is a ZIP file: `runs/` and `outputs/` have rows as JSON lines, `files/` has the files of steps by content,
and `manifest.json`, which is written last, has the number of runs. A file without it is not an archive.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.engine.errors import ArchiveError, ArtifactError, ArtifactUnavailableError
from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import DeleteRuns, RestoreRuns
from langgraph_runner.engine.store.migrating import HEAD
from langgraph_runner.runtime.disk import sync_folder
from langgraph_runner.workflow.context import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from langgraph_runner.engine.artifacts.files import ArtifactFiles
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.queries import RunRecord

__all__ = ["RunArchive", "archive_runs", "restore_runs"]

_FORMAT: Final = 1
_RUNS_A_PAGE: Final = 50
_MANIFEST: Final = "manifest.json"
_BYTES: Final = "base64:"
"""The prefix of bytes in JSON lines. Text that begins with it gets it once more."""


class RunArchive(NamedTuple):
    """A file of archived runs."""

    path: Path
    runs: int
    size: int
    """In bytes."""


async def archive_runs(
    host: Host, folder: Path, *, tenant: str | None, older_than_ms: int
) -> RunArchive | None:
    """Write runs that ended at least so long ago to a new file, then delete them. Without such runs, return None.

    If the process is killed, the runs that were not deleted yet are in the database and in the file.

    Raises:
        ArchiveError: The file cannot be written. Nothing was deleted.
        sqlalchemy.exc.DBAPIError: The database refused.
    """
    ids = await host.store.read(queries.ended_runs, tenant, older_than_ms)
    if not ids:
        return None
    archive = await asyncio.to_thread(_write, host, folder, ids)
    for page in _pages(ids):
        await host.store.write(DeleteRuns(page))
    return archive


async def restore_runs(host: Host, path: Path, *, tenant: str | None) -> int:
    """Restore the runs of an archive, of one tenant or all; return how many. Existing runs stay as they are.

    Raises:
        ArchiveError: The file cannot be read, is not an archive, is damaged, or is of a later release.
        sqlalchemy.exc.DBAPIError: The database refused. Some runs may be restored; call it again for the others.
    """
    with _open(path) as archive:
        names = await asyncio.to_thread(_page_names, archive, path)
        count = 0
        for name in names:
            records, outputs = await asyncio.to_thread(_read_page, archive, name, tenant, host.artifacts)
            count += await host.store.write(RestoreRuns(records, outputs)) if records else 0
        return count


def _write(host: Host, folder: Path, ids: list[str]) -> RunArchive:
    moment = host.runtime.now_utc()
    path = folder / f"runs-{moment:%Y%m%dT%H%M%SZ}-{host.runtime.token_hex(4)}.zip"
    unfinished = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(path=folder, problem=f"the folder cannot be made: {error}") from error
    try:
        with unfinished.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                count = _write_runs(archive, host.store, host.artifacts, ids)
                manifest = {"format": _FORMAT, "schema": HEAD, "made_at": moment.isoformat(), "runs": count}
                archive.writestr(_MANIFEST, json.dumps(manifest))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(folder)
        return RunArchive(path, count, path.stat().st_size)
    except OSError as error:
        raise ArchiveError(path=path, problem=f"it cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_runs(archive: zipfile.ZipFile, store: RunStore, files: ArtifactFiles, ids: list[str]) -> int:
    written: set[tuple[str, str]] = set()
    kept: set[str] = set()
    count = 0
    for number, page in enumerate(_pages(ids)):
        records = store.read_now(queries.records_of, page)
        count += len(records)
        archive.writestr(f"runs/{number:06}.jsonl", _lines(records))
        refs = {
            (step["tenant_id"], step["output_sha256"])
            for record in records
            for step in record["run_steps"]
            if step["output_sha256"] is not None
        }
        archive.writestr(
            f"outputs/{number:06}.jsonl", _lines(store.read_now(queries.outputs_of, sorted(refs - written)))
        )
        written |= refs
        for row in (row for record in records for row in record["artifacts"]):
            if row["sha256"] not in kept:
                kept.add(row["sha256"])
                _write_file(archive, files, row)
    return count


def _write_file(archive: zipfile.ZipFile, files: ArtifactFiles, row: dict[str, Any]) -> None:
    try:
        archive.writestr(f"files/{row['sha256']}", files.read(_reference(row)))
    except ArtifactUnavailableError:
        raise  # The file may be there: an archive without it would lose it.
    except ArtifactError as error:  # The file is gone; the run is archived without it.
        log_event(logging.WARNING, "archive.file_missing", run_id=row["run_id"], **cause(error))


def _reference(row: dict[str, Any]) -> ArtifactRef:
    return ArtifactRef(row["name"], row["uri"], row["media_type"], row["size"], row["sha256"])


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ArchiveError(path=path, problem=f"it cannot be read: {error}") from error


def _page_names(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """Verify an archive, and return the names of its pages.

    Raises:
        ArchiveError: The file is not an archive, is damaged, or was made by a later release.
    """
    try:
        manifest = json.loads(archive.read(_MANIFEST))
        made_by = (int(manifest["format"]), str(manifest["schema"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(path=path, problem="it is not an archive of runs.") from error
    if made_by > (_FORMAT, HEAD):
        raise ArchiveError(path=path, problem="it was made by a later release: update langgraph-runner.")
    damaged = archive.testzip()
    if damaged is not None:
        raise ArchiveError(path=path, problem=f"{damaged} in it is damaged.")
    return [name for name in archive.namelist() if name.startswith("runs/")]


def _read_page(
    archive: zipfile.ZipFile, name: str, tenant: str | None, files: ArtifactFiles
) -> tuple[list[RunRecord], list[dict[str, Any]]]:
    """Return the runs of a page and their outputs; their files are stored."""
    records = [
        record
        for record in map(_record, archive.read(name).splitlines())
        if tenant in {None, record["runs"][0]["tenant_id"]}
    ]
    tenants = {record["runs"][0]["tenant_id"] for record in records}
    outputs = [
        row
        for row in map(_values, map(json.loads, archive.read(f"outputs{name[4:]}").splitlines()))
        if row["tenant_id"] in tenants
    ]
    there = {*archive.namelist()}
    for row in (row for record in records for row in record["artifacts"]):
        file = f"files/{row['sha256']}"
        if file in there:
            row["uri"] = files.put(row["name"], archive.read(file), row["media_type"]).uri
    return records, outputs


def _record(line: bytes) -> RunRecord:
    return {table: [_values(row) for row in rows] for table, rows in json.loads(line).items()}


def _pages(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _RUNS_A_PAGE):
        yield ids[start : start + _RUNS_A_PAGE]


def _lines(values: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(_plain(value)).encode() + b"\n" for value in values)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | memoryview):
        return _BYTES + base64.b64encode(value).decode()
    if isinstance(value, str) and value.startswith(_BYTES):
        return _BYTES + value
    return value


def _values(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the database takes it."""
    return {name: _value(each) for name, each in row.items()}


def _value(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(_BYTES):
        return value
    text = value.removeprefix(_BYTES)
    return text if text.startswith(_BYTES) else base64.b64decode(text)
