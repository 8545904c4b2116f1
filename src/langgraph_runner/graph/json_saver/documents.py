"""A document: JSON with a format, a version and a checksum over every other byte of the file.

The three are in the first lines, so a foreign file and a file of a later release are distinguished from a damaged
one, and nothing is parsed before the checksum is verified.
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
    """Return a document as bytes, indented, in UTF-8.

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
    """Return the fields of a document.

    Args:
        path: The file, for the errors.
        data: Its content.
        kind: The kind of document that it has to be.
        decode_object: Replaces each object in it, from the inside out. None leaves them.

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
