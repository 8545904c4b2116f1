"""The checkpointer: LangGraph's methods, sync and async, over a store of JSON files."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.base import (
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from langgraph_runner.errors import DEFAULT_SANITIZER, Sanitizer
from langgraph_runner.graph.json_saver.documents import (
    checkpoint_document,
    merged_writes,
    moved_document,
    read_checkpoint,
    to_config,
    with_run_end,
)
from langgraph_runner.graph.json_saver.encoding import ValueCodec
from langgraph_runner.graph.json_saver.layout import Where
from langgraph_runner.graph.json_saver.store import CheckpointStore
from langgraph_runner.graph.json_saver.threaded import ThreadedSaver
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from langgraph_runner.graph.json_saver.layout import Entry

__all__ = ["JsonFileSaver"]

_MAX_FILE_BYTES: Final = 512 * 1024 * 1024
_LOCK_TIMEOUT_S: Final = 30.0


class JsonFileSaver(ThreadedSaver):
    """Keeps checkpoints in JSON files: one to open, and the history in a folder beside it.

    Every method that changes something commits: when it returns, the change survives a power cut. One that
    raises a `CheckpointError` has changed nothing. Any number of savers in any number of threads and processes
    of one machine may share the files. The async methods do their work in threads and never block the event
    loop. Making a saver touches no file.

    Args:
        path: The file to open. Its folder is made at the first write; the history goes to `<path>.history`.
        serde: The serializer of values that JSON cannot hold. With another one than LangGraph's
            `JsonPlusSerializer`, such as an `EncryptedSerializer`, no part of the state is readable.
        max_file_bytes: The largest file that is read or written; 1 or more, 512 MiB by default.
        lock_timeout_s: How long to wait for another writer, in seconds; above 0, 30 by default.
        sanitizer: What cleans the text of the exceptions that LangGraph keeps of failed tasks. None stores that
            text as it is, secrets included.

    Raises:
        ValueError: A limit is out of range, or the path names no file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        max_file_bytes: int = _MAX_FILE_BYTES,
        lock_timeout_s: float = _LOCK_TIMEOUT_S,
        sanitizer: Sanitizer | None = DEFAULT_SANITIZER,
    ) -> None:
        super().__init__(serde=serde)
        self._sanitizer = sanitizer
        self.path = Path(path)
        """The file to open."""
        if not self.path.name:
            raise ValueError(f"path must name a file, got {str(path)!r}.")
        if max_file_bytes < 1:
            raise ValueError(f"max_file_bytes must be 1 or more, got {max_file_bytes}.")
        if not lock_timeout_s > 0:
            raise ValueError(f"lock_timeout_s must be above 0, got {lock_timeout_s}.")
        self._store = CheckpointStore(self.path, max_file_bytes=max_file_bytes, lock_timeout_s=lock_timeout_s)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names, or else the newest of its thread and namespace.

        Raises:
            CheckpointError: A file is not as it was written, or cannot be read.
        """
        thread_id, checkpoint_ns = _thread_id(config), _namespace(config)
        checkpoint_id = get_checkpoint_id(config)
        if checkpoint_id is None or checkpoint_id == "":
            stored = self._store.read_latest(thread_id, checkpoint_ns)
        else:
            entry = self._store.layout.entry(Where(thread_id, checkpoint_ns, checkpoint_id))
            stored = self._store.read(entry)
        return None if stored is None else read_checkpoint(self._codec, self._store.layout, stored)

    def thread_ids(self) -> builtins.list[str]:
        """Return the ids of the threads that have a checkpoint, sorted.

        Raises:
            CheckpointError: A file is not as it was written, or cannot be read.
        """
        return self._store.thread_ids()

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield checkpoints, the greatest id first; each is read when it is needed.

        Args:
            config: The thread, and optionally the namespace and the checkpoint. None for all threads.
            filter: Entries that the metadata must have.
            before: Only checkpoints with a smaller id than that of this config.
            limit: The greatest number of checkpoints; None for all.

        Raises:
            CheckpointError: A file is not as it was written, or cannot be read.
        """
        if limit is not None and limit <= 0:
            return
        given = 0
        for entry in _candidates(self._store, config, before):
            found = self._read(entry)
            if found is None:  # Deleted since.
                continue
            if all(found.metadata.get(key) == value for key, value in (filter or {}).items()):
                yield found
                given += 1
                if given == limit:
                    return

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - each file holds the whole state
    ) -> RunnableConfig:
        """Store a checkpoint, and return the config that names it. Commits.

        Raises:
            CheckpointError: Nothing was stored.
        """
        where = Where(_thread_id(config), _namespace(config), checkpoint["id"])
        data = checkpoint_document(
            self._codec,
            where,
            get_checkpoint_id(config),
            checkpoint,
            get_checkpoint_metadata(config, metadata),
        )
        self._store.put(where, data)
        return to_config(where)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task wrote, next to its checkpoint. Commits.

        Raises:
            CheckpointError: Nothing was stored.
        """
        where = Where(_thread_id(config), _namespace(config), _configurable(config)["checkpoint_id"])
        update = merged_writes(self._codec, where, writes, task_id, task_path)
        self._store.update_writes(where, task_id, update)

    def get_next_version(self, current: float | str | None, channel: None) -> int | float | str:  # noqa: ARG002 - LangGraph's signature
        """Return the version after `current`, of the same kind, so that a thread of another saver can continue.

        Args:
            current: The greatest version of the thread; None for a new thread, which gets integers. A text is one
                of LangGraph's other savers: a number of 32 digits, a dot and a fraction.
            channel: Not used.

        Raises:
            ValueError: `current` is a text that does not begin with a number.
        """
        if not isinstance(current, str):
            return 1 if current is None else current + 1
        number = current.split(".")[0]
        if not number.isdecimal():
            problem = f"channel version must be a number and a fraction like '0001.5', got {current!r:.80}."
            raise ValueError(problem)
        # Random as with the other savers: two branches of one thread must not give the same version.
        return f"{int(number) + 1:032}.{REAL_RUNTIMES.blocking.random():016}"

    def record_run_end(
        self,
        config: RunnableConfig,
        *,
        status: str,
        started: datetime,
        ended: datetime,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """Write how a run ended into the newest checkpoint of its thread and into the file to open. Commits.

        It is there as `run`, before the state, until the next checkpoint of the thread is stored. The checkpoint that
        LangGraph reads does not change. `GraphRunner` calls this before its error handler.

        Args:
            config: Names the thread, and optionally the namespace.
            status: How it ended, such as `failed`.
            started: When it began, with its time zone.
            ended: When it ended, with its time zone.
            errors: The sanitized records of what failed, of JSON values; the last one is what ended the run.

        Returns:
            Whether it was written: False for a thread without a checkpoint.

        Raises:
            CheckpointError: Nothing was written.
        """
        run = {
            "status": str(status),
            "started": started.isoformat(),
            "ended": ended.isoformat(),
            "errors": [dict(error) for error in errors],
        }
        update = with_run_end(self._codec, run)
        return self._store.update_latest(_thread_id(config), _namespace(config), update)

    async def arecord_run_end(
        self,
        config: RunnableConfig,
        *,
        status: str,
        started: datetime,
        ended: datetime,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """Do as `record_run_end`, in a thread. Cancelled, it may still commit."""
        record = partial(self.record_run_end, status=status, started=started, ended=ended, errors=errors)
        return await asyncio.to_thread(record, config)

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread with its checkpoints and writes, all at once. Commits.

        Raises:
            CheckpointError: It is still there.
        """
        self._store.delete_thread(str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints of runs, in all threads, with their writes. Commits.

        Values of a `DeltaChannel` that were built on them are lost, as with any saver.

        Raises:
            CheckpointError: Some of them are still there.
        """
        wanted = set(run_ids)
        if wanted:
            found = set()
            for entry in self._store.find():
                checkpoint = self._read(entry)
                if checkpoint is not None and checkpoint.metadata.get("run_id") in wanted:
                    found.add(entry)
            self._store.delete(found)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes of a thread to another one. Commits, the oldest first.

        Raises:
            CheckpointError: Some of them are not copied.
        """
        source, target = str(source_thread_id), str(target_thread_id)
        if source == target:
            return
        for entry in reversed(self._store.find(source)):
            stored = self._store.read(entry)
            if stored is None:
                continue
            # Writes first: a checkpoint without them would look as if its tasks had not run.
            for path, data in stored.writes:
                fields, moved = moved_document(path, data, target)
                self._store.update_writes(Where.of(fields), fields["task_id"], _always(moved))
            fields, moved = moved_document(entry.file, stored.data, target)
            self._store.put(Where.of(fields), moved)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Remove old checkpoints of threads. Commits.

        Args:
            thread_ids: The threads.
            strategy: `keep_latest` keeps the newest checkpoint of each namespace, and those before it that a
                `DeltaChannel` is built on; `delete` keeps nothing.

        Raises:
            CheckpointError: Some of them are still there.
            ValueError: There is no such strategy.
        """
        if strategy not in {"keep_latest", "delete"}:
            raise ValueError(f"strategy must be 'keep_latest' or 'delete', got {strategy!r}.")
        for thread_id in map(str, thread_ids):
            if strategy == "delete":
                self._store.delete_thread(thread_id)
            else:
                self._keep_latest(thread_id)

    @property
    def _codec(self) -> ValueCodec:
        # A codec is for one call, and `with_allowlist` gives a copy of the saver another serializer.
        return ValueCodec(self.serde, self._sanitizer)

    def _read(self, entry: Entry) -> CheckpointTuple | None:
        stored = self._store.read(entry)
        return None if stored is None else read_checkpoint(self._codec, self._store.layout, stored)

    def _keep_latest(self, thread_id: str) -> None:
        namespaces: dict[Path, dict[str, Entry]] = {}
        for entry in self._store.find(thread_id):  # The greatest id first.
            namespaces.setdefault(entry.folder, {})[self._store.checkpoint_id(entry)] = entry
        for entries in namespaces.values():
            self._store.delete(set(entries.values()) - self._needed_by_latest(entries))

    def _needed_by_latest(self, entries: dict[str, Entry]) -> set[Entry]:
        """Return the newest checkpoint, and those back to the nearest snapshot of each of its delta channels."""
        entry: Entry | None = next(iter(entries.values()))
        needed: set[Entry] = set()
        open_channels: set[str] | None = None
        while entry is not None and open_channels != set():
            found = self._read(entry)
            if found is None:
                break
            needed.add(entry)
            if open_channels is None:
                open_channels = set(found.metadata.get("counters_since_delta_snapshot") or ())
            open_channels -= found.checkpoint["channel_values"].keys()
            parent = found.parent_config
            entry = None if parent is None else entries.get(_configurable(parent)["checkpoint_id"])
        return needed


def _configurable(config: RunnableConfig) -> dict[str, Any]:
    # For the type checkers the key may be missing; in a config that LangGraph passes to a saver it never is.
    return config.get("configurable", {})


def _thread_id(config: RunnableConfig) -> str:
    return str(_configurable(config)["thread_id"])


def _namespace(config: RunnableConfig) -> str:
    return str(_configurable(config).get("checkpoint_ns") or "")


def _candidates(
    store: CheckpointStore, config: RunnableConfig | None, before: RunnableConfig | None
) -> Iterator[Entry]:
    """Yield the checkpoints that `list` has to read, the greatest id first."""
    named: dict[str, Any] = {} if config is None else _configurable(config)
    end = None if before is None else get_checkpoint_id(before)
    only = named.get("checkpoint_id")
    thread_id = named.get("thread_id")
    for entry in store.find(None if thread_id is None else str(thread_id), named.get("checkpoint_ns")):
        found = store.checkpoint_id(entry) if end or only else ""
        is_other = only and found != only
        is_too_new = end and found >= end
        if not is_other and not is_too_new:
            yield entry


def _always(data: bytes) -> Callable[[Path, bytes | None], bytes]:
    return lambda _path, _found: data
