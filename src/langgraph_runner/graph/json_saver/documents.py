"""The two kinds of documents: a checkpoint, and the pending writes of a task.

A document is JSON with a format, a version and a checksum over every other byte of the file. The three are in the
first lines, so a foreign file and a file of a later release are distinguished from a damaged one, and nothing is
parsed before the checksum is verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import orjson
from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple, writes_sort_key
from langgraph.checkpoint.serde.types import ERROR
from pydantic_core import from_json

from langgraph_runner.graph.json_saver.encoding import decode_text, encode_text, has_tag
from langgraph_runner.graph.json_saver.errors import (
    CheckpointCorruptedError,
    CheckpointForeignError,
    CheckpointSerializationError,
    CheckpointVersionError,
)
from langgraph_runner.graph.json_saver.layout import Layout, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeGuard

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, PendingWrite

    from langgraph_runner.graph.json_saver.encoding import ValueCodec
    from langgraph_runner.graph.json_saver.layout import Stored

__all__ = [
    "KIND",
    "checkpoint_document",
    "identify",
    "is_intact",
    "is_torn",
    "merged_writes",
    "moved_document",
    "read_checkpoint",
    "seal",
    "to_config",
    "unseal",
    "with_run_end",
]

KIND: Final = "checkpoint"
"""The kind of the document of a checkpoint."""
_WRITES: Final = "writes"
_EMPTY: Final = "empty_channels"
_VERSION: Final = 2
"""The version that is written. Version 2 added `run` and `empty_channels` to a checkpoint."""
_READABLE_VERSIONS: Final = frozenset({1, 2})

_OPENING: Final = b'{\n  "format": "langgraph_runner.'
_HEADER: Final = re.compile(
    re.escape(_OPENING) + rb'(?P<kind>[a-z]{1,20})",\n  "version": (?P<version>\d{1,9}),\n  "sha256": "'
)
_DIGEST_CHARS: Final = 64
_BLOCK_BYTES: Final = 4_096
"""The size of the blocks that file systems write, or a multiple of it."""


def seal(kind: str, body: dict[str, Any]) -> bytes:
    """Return a document as bytes, indented, in UTF-8. The fields in `body` have JSON values only.

    Raises:
        CheckpointSerializationError: The body is nested too deeply.
    """
    header = {"format": f"langgraph_runner.{kind}", "version": _VERSION, "sha256": "0" * _DIGEST_CHARS}
    try:
        data = memoryview(orjson.dumps({**header, **body}, option=orjson.OPT_INDENT_2))
    except orjson.JSONEncodeError as error:
        raise CheckpointSerializationError("", f"a state cannot be written as JSON: {error}") from error
    found = _HEADER.match(data)
    assert found is not None  # noqa: S101 - written above
    before, after = data[: found.end()], data[found.end() + _DIGEST_CHARS :]
    # A large document is copied here only.
    return b"".join((before, _digest(before, after, b"\n"), after, b"\n"))


def is_intact(path: Path, data: bytes, kind: str) -> bool:
    """Whether the checksum of a document of this kind matches.

    Raises:
        CheckpointForeignError: It is not a document of this package, or one of another kind.
        CheckpointVersionError: It has another version.
    """
    found = _HEADER.match(data)
    if found is None:
        if data[: len(_OPENING)] == _OPENING[: len(data)]:
            return False  # It ends within its header.
        raise CheckpointForeignError(path, "not a file of langgraph_runner, so it is not changed")
    if found["kind"].decode() != kind:
        raise CheckpointForeignError(path, f"this file holds {found['kind'].decode()}, not {kind}")
    if (version := int(found["version"])) not in _READABLE_VERSIONS:
        known = " and ".join(map(str, sorted(_READABLE_VERSIONS)))
        raise CheckpointVersionError(path, f"format version {version}; this release reads {known}")
    start, end = found.end(), found.end() + _DIGEST_CHARS
    view = memoryview(data)
    return data[start:end] == _digest(view[:start], view[end:])


def is_torn(data: bytes) -> bool:
    """Whether a power cut may have left this of a document that was not fsynced: blocks are missing or zeros."""
    if not _OPENING.startswith(data[: len(_OPENING)].rstrip(b"\0")):
        return False
    blocks = (data[start : start + _BLOCK_BYTES] for start in range(0, len(data), _BLOCK_BYTES))
    if any(not block.strip(b"\0") for block in blocks):
        return True
    if len(data) % _BLOCK_BYTES:
        return False
    try:
        from_json(data)
    except ValueError as error:
        return "EOF" in str(error)
    return False


def unseal(
    path: Path, data: bytes, kind: str, decode_object: Callable[[dict[str, Any]], Any] | None = None
) -> dict[str, Any]:
    """Return the fields of a document of this kind. `decode_object` replaces each object in it, inner ones first.

    Raises:
        CheckpointCorruptedError: The checksum does not match.
        CheckpointForeignError: It is not a document of this package, or one of another kind.
        CheckpointSerializationError: A value in it cannot be restored.
        CheckpointVersionError: It has another version.
    """
    if not is_intact(path, data, kind):
        raise CheckpointCorruptedError(path, "the checksum does not match: truncated, edited or damaged")
    try:
        if decode_object is None or not has_tag(data):
            # Nothing is to be decoded, so the faster parser will do.
            return from_json(data, cache_strings="keys")  # type: ignore[no-any-return] # the opening is an object's
        return json.loads(data, object_hook=decode_object)  # type: ignore[no-any-return] # the same
    except CheckpointSerializationError as error:
        raise CheckpointSerializationError(path, error.problem) from error.__cause__
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointCorruptedError(
            path, f"the checksum matches, the content is not valid: {error}"
        ) from error


def _digest(*parts: bytes | memoryview) -> bytes:
    """Return the SHA-256 of everything around the checksum."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()


def identify(path: Path, data: bytes) -> Where:
    """Return the ids in the document of a checkpoint.

    Raises:
        CheckpointError: It is damaged, or the ids are missing.
    """
    fields = unseal(path, data, KIND)
    try:
        return Where.of(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointCorruptedError(path, "its fields do not say which checkpoint it is") from error


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
