"""A document: JSON with a format, a version and a checksum over every other byte of the file.

The three stand in the first lines, so a foreign file or one of a later release is told from a damaged one,
and nothing is parsed before the checksum holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic_core import from_json

from langgraph_runner.graph.json_saver.encoding import has_tag
from langgraph_runner.graph.json_saver.errors import (
    CheckpointCorruptedError,
    CheckpointForeignError,
    CheckpointSerializationError,
    CheckpointVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FORMAT_VERSION", "is_intact", "is_torn", "seal", "unseal"]

FORMAT_VERSION: Final = 2
"""The version that is written. Version 2 adds `run` and `empty_channels` to a checkpoint."""
_READABLE_VERSIONS: Final = frozenset({1, 2})

_OPENING: Final = b'{\n  "format": "langgraph_runner.'
_HEADER: Final = re.compile(
    re.escape(_OPENING) + rb'(?P<kind>[a-z]{1,20})",\n  "version": (?P<version>\d{1,9}),\n  "sha256": "'
)
_DIGEST_CHARS: Final = 64
_BLOCK_BYTES: Final = 4_096
"""What file systems write at once, or a multiple of it."""


def seal(kind: str, body: dict[str, Any]) -> bytes:
    """Give a document as bytes, indented, in UTF-8.

    Args:
        kind: What it holds, in lower-case letters.
        body: Its fields, of JSON values only.

    Raises:
        CheckpointSerializationError: The body is nested too deeply.
    """
    header = {"format": f"langgraph_runner.{kind}", "version": FORMAT_VERSION, "sha256": "0" * _DIGEST_CHARS}
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
    """Whether the checksum of a document of this kind holds.

    Raises:
        CheckpointForeignError: It is no document of this package, or of another kind.
        CheckpointVersionError: It has another version.
    """
    found = _HEADER.match(data)
    if found is None:
        if data[: len(_OPENING)] == _OPENING[: len(data)]:
            return False  # It ends within its header.
        raise CheckpointForeignError(path, "this is no file of langgraph_runner, so it is left alone")
    if found["kind"].decode() != kind:
        raise CheckpointForeignError(path, f"this file holds {found['kind'].decode()}, not {kind}")
    if (version := int(found["version"])) not in _READABLE_VERSIONS:
        known = " and ".join(map(str, sorted(_READABLE_VERSIONS)))
        raise CheckpointVersionError(path, f"format version {version}; this release reads {known}")
    start, end = found.end(), found.end() + _DIGEST_CHARS
    view = memoryview(data)
    return data[start:end] == _digest(view[:start], view[end:])


def is_torn(data: bytes) -> bool:
    """Whether it is what a power cut leaves of a document that was not fsynced: blocks of it are missing or zeros."""
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
    """Give the fields of a document.

    Args:
        path: The file, for the errors.
        data: What is in it.
        kind: What it has to hold.
        decode_object: What to make of each object in it, from the inside out. None leaves them.

    Raises:
        CheckpointCorruptedError: The checksum does not hold.
        CheckpointForeignError: It is no document of this package, or of another kind.
        CheckpointSerializationError: A value in it cannot be restored.
        CheckpointVersionError: It has another version.
    """
    if not is_intact(path, data, kind):
        raise CheckpointCorruptedError(path, "the checksum does not match: truncated, edited or damaged")
    try:
        if decode_object is None or not has_tag(
            data
        ):  # Nothing is to be decoded, which a faster parser will do.
            return from_json(data, cache_strings="keys")  # type: ignore[no-any-return] # the opening is an object's
        return json.loads(data, object_hook=decode_object)  # type: ignore[no-any-return] # the same
    except CheckpointSerializationError as error:
        raise CheckpointSerializationError(path, error.problem) from error.__cause__
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointCorruptedError(path, f"a valid checksum, but not valid content: {error}") from error


def _digest(*parts: bytes | memoryview) -> bytes:
    """The SHA-256 of all that stands around it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()
