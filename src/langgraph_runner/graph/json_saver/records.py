"""A checkpoint, and the pending writes of a task, as documents; and back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple, writes_sort_key
from langgraph.checkpoint.serde.types import ERROR

from langgraph_runner.graph.json_saver.documents import seal, unseal
from langgraph_runner.graph.json_saver.encoding import decode_text, encode_text
from langgraph_runner.graph.json_saver.errors import CheckpointCorruptedError
from langgraph_runner.graph.json_saver.head import KIND
from langgraph_runner.graph.json_saver.layout import Layout, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeGuard

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, PendingWrite

    from langgraph_runner.graph.json_saver.encoding import ValueCodec
    from langgraph_runner.graph.json_saver.store import Stored

__all__ = [
    "checkpoint_document",
    "merged_writes",
    "moved_document",
    "read_checkpoint",
    "to_config",
    "with_run_end",
]

_WRITES: Final = "writes"
_EMPTY: Final = "empty_channels"


def to_config(where: Where) -> RunnableConfig:
    """Return the config that names a checkpoint."""
    return {"configurable": where._asdict()}


def checkpoint_document(
    codec: ValueCodec,
    where: Where,
    parent_id: str | None,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
) -> bytes:
    """Return a checkpoint as a sealed document; the state comes first, for the person who opens it.

    Raises:
        CheckpointSerializationError: A value cannot be stored.
    """
    rest = {name: value for name, value in checkpoint.items() if name != "channel_values"}
    values = checkpoint["channel_values"].copy()
    # Such as `branch:to:b`, which LangGraph keeps for itself: they would hide the state from a reader.
    empty = [name for name, value in values.items() if value is None]
    for name in empty:
        del values[name]
    return seal(
        KIND,
        {
            **where.fields(),
            "parent_checkpoint_id": None if parent_id is None else encode_text(parent_id),
            "state": codec.encode(values),
            **({_EMPTY: codec.encode(empty)} if empty else {}),
            "metadata": codec.encode(metadata),
            "checkpoint": codec.encode(rest),
        },
    )


def with_run_end(codec: ValueCodec, run: Mapping[str, Any]) -> Callable[[Path, bytes], bytes]:
    """Return a function that adds the end of a run to the document of a checkpoint, before the state.

    Raises:
        CheckpointSerializationError: A value of `run` cannot be stored.
    """
    encoded = codec.encode(dict(run))

    def update(path: Path, data: bytes) -> bytes:
        body = _body(unseal(path, data, KIND))
        ids = {name: body.pop(name, None) for name in (*Where._fields, "parent_checkpoint_id")}
        body.pop("run", None)
        return seal(KIND, {**ids, "run": encoded, **body})

    return update


def read_checkpoint(codec: ValueCodec, layout: Layout, stored: Stored) -> CheckpointTuple:
    """Return a checkpoint with its pending writes, in the order in which LangGraph replays them.

    Raises:
        CheckpointError: A file is damaged, or is in the wrong place.
    """
    path = stored.entry.file
    fields = unseal(path, stored.data, KIND, codec.decode_object)
    with _complete(path):
        where = Where.of(fields)
        parent_id = fields["parent_checkpoint_id"]
        empty = dict.fromkeys(fields.get(_EMPTY, ()))
        checkpoint = {**fields["checkpoint"], "channel_values": {**fields["state"], **empty}}
        metadata = fields["metadata"]
    _check_place(path, layout.entry(where).file)
    return CheckpointTuple(
        config=to_config(where),
        checkpoint=checkpoint,  # type: ignore[arg-type] # as it was given to `put`
        metadata=metadata,
        parent_config=None if parent_id is None else to_config(where._replace(checkpoint_id=parent_id)),
        pending_writes=_pending_writes(codec, layout, stored),
    )


def merged_writes(
    codec: ValueCodec, where: Where, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
) -> Callable[[Path, bytes | None], bytes | None]:
    """Return a function that adds writes to the document of a task.

    The first of regular writes with the same index stays; special ones (errors, interrupts, resume values,
    schedules) replace what was there, as in all of LangGraph's savers.

    Raises:
        CheckpointSerializationError: A value cannot be stored.
    """
    added = {
        WRITES_IDX_MAP.get(channel, index): {
            "index": WRITES_IDX_MAP.get(channel, index),
            "channel": codec.encode(channel),
            "task_path": codec.encode(task_path),
            "value": codec.encode_error(value) if _is_error(channel, value) else codec.encode(value, 3),
        }
        for index, (channel, value) in enumerate(writes)
    }
    body = {**where.fields(), "task_id": encode_text(task_id)}

    def sealed(merged: dict[int, Any]) -> bytes:
        return seal(_WRITES, {**body, _WRITES: [merged[index] for index in sorted(merged)]})

    # Before the wait for the lock, because the values may change meanwhile.
    alone = sealed(added)

    def update(path: Path, data: bytes | None) -> bytes | None:
        if data is None:
            return alone if added else None
        before, new = (_by_index(path, each) for each in (data, alone))
        after = {**before, **{i: write for i, write in new.items() if i < 0 or i not in before}}
        return None if after == before else sealed(after)

    return update


def _by_index(path: Path, data: bytes) -> dict[int, Any]:
    """Return the writes of a task by their index, undecoded."""
    fields = unseal(path, data, _WRITES)
    with _complete(path):
        return {write["index"]: write for write in fields[_WRITES]}


def moved_document(path: Path, data: bytes, thread_id: str) -> tuple[dict[str, Any], bytes]:
    """Return a document as that of another thread: its fields, undecoded, and its bytes.

    Raises:
        CheckpointError: It is damaged.
    """
    kind = _WRITES if path.parent.suffix == f".{_WRITES}" else KIND
    body = {**_body(unseal(path, data, kind)), "thread_id": encode_text(thread_id)}
    return body, seal(kind, body)


def _body(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document without those that `seal` adds."""
    return {name: value for name, value in fields.items() if name not in {"format", "version", "sha256"}}


def _is_error(channel: str, value: Any) -> TypeGuard[BaseException]:
    """Whether a write is the exception that LangGraph keeps of a failed task."""
    return channel == ERROR and isinstance(value, BaseException)


def _pending_writes(codec: ValueCodec, layout: Layout, stored: Stored) -> list[PendingWrite]:
    found = []
    for path, data in stored.writes:
        fields = unseal(path, data, _WRITES, codec.decode_object)
        with _complete(path):
            task_id = decode_text(fields["task_id"])
            place = layout.entry(Where.of(fields)).writes_file(task_id)
            for write in fields[_WRITES]:
                key = writes_sort_key(write["task_path"], task_id, write["index"])
                found.append((key, (task_id, write["channel"], write["value"])))
        _check_place(path, place)
    return [write for _, write in sorted(found, key=lambda keyed: keyed[0])]


@contextlib.contextmanager
def _complete(path: Path) -> Iterator[None]:
    """Turn the exception of a missing field, or of one with a wrong type, into a `CheckpointCorruptedError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointCorruptedError(path, f"a field is missing or wrong: {error}") from error


def _check_place(path: Path, expected: Path) -> None:
    if path != expected:
        raise CheckpointCorruptedError(path, f"this file belongs to {expected.parent.name}/{expected.name}")
