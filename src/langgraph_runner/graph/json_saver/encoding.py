"""Any value as JSON that a person can read and that comes back as it was.

What JSON has stays plain: objects with text keys, arrays, strings, numbers, booleans, null. Other values of Python
get a tag, an object whose first key begins with `$`:

    {"$tuple": [...]}   {"$set": [...]}   {"$frozenset": [...]}
    {"$dict": [[key, value], ...]}        keys that are not texts, or that begin with `$`
    {"$int": "0x..."}                     more than 64 bits
    {"$float": "nan"}                     or inf, -inf
    {"$str": "..."}                       lone surrogates, escaped; in several texts where two meet
    {"$serde": "msgpack", "data": "<base64>", "type": ..., "text": ...}
    {"$error": "ValueError('...')", "type": ...}     an exception that LangGraph keeps of a failed task

`$serde` is LangGraph's own serializer: what it keeps is kept, what it changes (nested classes, exceptions) is
changed. `type` and `text` are only for the reader.

LangGraph stores a checkpoint in the background while the next nodes run, and a node may change a list or a dict
in place meanwhile. A walk in Python would then fail, or store a state that never was. So a value of plain JSON is
written by one call of native code, which holds the interpreter lock: what it writes is the value of one moment.

With another serializer than LangGraph's plain one, such as an encrypting one, nothing stays plain.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson
import ormsgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_runner.errors.logs import emit
from langgraph_runner.graph.json_saver.errors import CheckpointSerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.checkpoint.serde.base import SerializerProtocol

    from langgraph_runner.errors import Sanitizer

__all__ = ["ValueCodec", "decode_text", "encode_text", "has_tag", "plain_json"]

_MAX_DEPTH: Final = 100
"""Levels of JSON. The encoder has a limit of its own; deeper values go to the serializer."""
_LOOKED_AT_DEPTH: Final = 3
_LOOKED_AT_LENGTH: Final = 32
_MAX_INT: Final = 2**63
_SHOWN_CHARS: Final = 200
_ATTEMPTS: Final = 3
_MSGPACK_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
"""Each of these types is refused: it would be passed to a function, and there is none."""
_JSON_OPTIONS: Final = (
    orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
"""A float of msgpack with all bits of the exponent set. No UTF-8 text holds these bytes."""
_INDENT: Final = "  "


class ValueCodec:
    """Encodes and decodes the values of one document with a serializer. For one thread."""

    def __init__(self, serde: SerializerProtocol, sanitizer: Sanitizer | None = None) -> None:
        self._serde = serde
        self._sanitizer = sanitizer
        self._is_readable = isinstance(serde, JsonPlusSerializer)
        self._level = 1

    def encode(self, value: Any, level: int = 1) -> Any:
        """Return any value as what `documents.seal` can write; later changes of the value do not change it.

        `level` is how many levels of JSON will be around it, for the indentation.

        Raises:
            CheckpointSerializationError: The serializer refuses the value, or could not restore it.
        """
        if not self._is_readable:
            return self._through_serde(value)
        self._level = level
        try:
            return self._encode(value, 0)
        except RecursionError as error:  # The calls of the caller may be nested deeply already.
            raise CheckpointSerializationError("", "a value is nested too deeply to be stored") from error

    def encode_error(self, error: BaseException) -> Any:
        """Return the exception of a failed task as its sanitized `repr`, with its type.

        LangGraph's serializer keeps the `repr` of an exception, so any of its savers returns that.

        Raises:
            CheckpointSerializationError: The serializer refuses the value.
        """
        if self._sanitizer is None:
            return self.encode(error)
        text = self._sanitizer.text(_repr_of_error(error), max_chars=self._sanitizer.max_message_chars)
        if not self._is_readable:
            return self._through_serde(text)
        return {"$error": encode_text(text), "type": _type_name(error)}

    def decode_object(self, found: dict[str, Any]) -> Any:
        """Turn a tag back into its value, and leave any other object as it is.

        It is the `object_hook` of `json.loads`, which calls it from the inside out.

        Raises:
            CheckpointSerializationError: The serializer cannot restore the value.
            ValueError: No such tag.
        """
        tag = next(iter(found), "")
        if not tag.startswith("$"):
            return found
        if tag == "$serde":
            return self._from_serde(found)
        if tag not in _DECODERS:
            raise ValueError(f"unknown tag {tag}")
        return _DECODERS[tag](found[tag])

    def _encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return value if value.isascii() else encode_text(value)
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if -_MAX_INT <= value < _MAX_INT else {"$int": hex(value)}
        if kind is float:
            return value if isfinite(value) else {"$float": str(value)}
        if depth > _MAX_DEPTH:
            return self._through_serde(value)
        # A value that is plain as a whole need not be walked. To try at every level would take longer than the walk.
        if kind in _JSON_CONTAINERS and (
            depth <= 1 or (depth <= _LOOKED_AT_DEPTH and len(value) >= _LOOKED_AT_LENGTH)
        ):
            plain = plain_json(value, self._level + depth, _MAX_DEPTH - depth)
            if plain is not None:
                return plain
        return self._encode_container(kind, value, depth)

    def _encode_container(self, kind: type, value: Any, depth: int) -> Any:
        encode = self._encode
        # Copied first, in one call that no other thread can interrupt: a node may change the value meanwhile. A list
        # of items is made one by one, and the garbage collector may let another thread run in between.
        if kind is dict:
            items = list(value.copy().items())
            if all(type(key) is str and _is_plain_key(key) for key, _ in items):
                return {key: encode(item, depth + 1) for key, item in items}
            keys = self._encode_keys([key for key, _ in items], depth + 3)
            return {"$dict": [[key, encode(v, depth + 3)] for key, (_, v) in zip(keys, items, strict=True)]}
        if kind is list:
            return [encode(item, depth + 1) for item in list(value)]
        if kind in _COLLECTION_TAGS:
            return {_COLLECTION_TAGS[kind]: [encode(item, depth + 2) for item in list(value)]}
        return self._through_serde(value)

    def _encode_keys(self, keys: list[Any], depth: int) -> list[Any]:
        """Encode the keys of a dict; raise for keys that could not be restored as keys of one dict."""
        encoded = [self._encode(key, depth) for key in keys]
        restored = set()
        for key, written in zip(keys, encoded, strict=True):
            if type(key) in _SCALARS:
                restored.add(key)
                continue
            found = json.loads(json.dumps(written), object_hook=self.decode_object)
            try:
                restored.add(found)
            except TypeError as error:
                problem = (
                    f"a dict key of type {_type_name(key)} cannot be stored: it would come back as a"
                    f" {type(found).__name__}, which cannot be a key. Use a text for the key."
                )
                raise CheckpointSerializationError("", problem) from error
        if len(restored) < len(keys):
            problem = "two keys of a dict would come back as one. Use texts for the keys."
            raise CheckpointSerializationError("", problem)
        return encoded

    def _through_serde(self, value: Any) -> dict[str, Any]:
        try:
            kind, data = self._serde.dumps_typed(value)
        except Exception as error:  # Serializers raise what they like.
            problem = f"a {type(value).__name__} cannot be stored: {error}"
            raise CheckpointSerializationError("", problem) from error
        tagged = {"$serde": kind, "data": base64.b64encode(data).decode()}
        if self._is_readable:
            tagged["type"] = _type_name(value)
            tagged["text"] = _shown(value)
        return tagged

    def _from_serde(self, tagged: dict[str, Any]) -> Any:
        data = base64.b64decode(tagged["data"], validate=True)
        try:
            return self._serde.loads_typed((tagged["$serde"], data))
        except Exception as error:  # Serializers raise what they like.
            problem = f"a stored {tagged.get('type', 'value')} cannot be restored: {error}"
            raise CheckpointSerializationError("", problem) from error


def _hashed(kind: type[Any], items: list[Any]) -> Any:
    """Give a set or a dict of what was restored; the plain list where that is impossible.

    An instance of a class that the serializer does not restore, or no longer may restore, comes back as a dict,
    which has no hash. LangGraph's own savers give the list then, too: the thread stays readable.
    """
    try:
        found = kind(items)
    except TypeError:
        found = None
    if found is None or (kind is dict and len(found) < len(items)):
        emit(
            "langgraph_runner.graph", logging.WARNING, "checkpoint.value_restored_as_list", kind=kind.__name__
        )
        return items
    return found


def has_tag(data: bytes) -> bool:
    """Whether JSON may have a key that begins with `$`."""
    return b"$" in data and b'"$' in data  # Quotes are everywhere, so the search for one byte comes first.


def plain_json(value: dict[str, Any] | list[Any], level: int, max_depth: int) -> orjson.Fragment | None:
    """Return a value as indented JSON of one moment; None if JSON alone cannot hold it, or if it keeps changing.

    JSON alone holds dicts with text keys, lists, texts, integers of 64 bits, finite floats, booleans and None; it
    does not hold a tuple, a subclass, a lone surrogate or a key that begins with `$`.

    Args:
        value: The value.
        level: How many levels of JSON are around it, for the indentation.
        max_depth: How many levels it may have.
    """
    # Each level around it is a list of one item, whose lines are then cut off.
    wrapped: Any = value
    for _ in range(level):
        wrapped = [wrapped]
    start = sum(len("[\n") + len(_INDENT) * (depth + 1) for depth in range(level))
    end = sum(len("\n]") + len(_INDENT) * depth for depth in range(level))
    too_deep = ("\n" + _INDENT * (level + max_depth + 1)).encode()
    for _ in range(_ATTEMPTS):
        try:
            packed = ormsgpack.packb(value, option=_MSGPACK_OPTIONS)
            written = orjson.dumps(wrapped, option=_JSON_OPTIONS)
            packed_again = ormsgpack.packb(value, option=_MSGPACK_OPTIONS)
        except (TypeError, ValueError, RecursionError):
            return None
        if packed == packed_again:  # Nothing has changed between what was checked and what was written.
            if has_tag(written) or too_deep in written or _NOT_FINITE.search(packed) is not None:
                return None
            return orjson.Fragment(written[start : len(written) - end])
    return None


def encode_text(text: str) -> Any:
    """Return any text as a value that JSON can hold."""
    if _is_unicode(text):
        return text
    # JSON reads a high and a low surrogate in one text as one character, so they go to different texts.
    parts = [json.dumps(part) for part in _BETWEEN_SURROGATES.split(text)]
    return {"$str": parts[0] if len(parts) == 1 else parts}


def decode_text(found: Any) -> str:
    """Turn what `encode_text` gave back into the text.

    Raises:
        KeyError, TypeError, ValueError: `encode_text` returns no such value.
    """
    return found if isinstance(found, str) else _joined(found["$str"])


def _joined(parts: str | list[str]) -> str:
    if isinstance(parts, str):
        parts = [parts]
    return "".join(json.loads(part) for part in parts)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:  # A lone surrogate, which UTF-8 does not have.
        return False
    return True


def _is_plain_key(key: str) -> bool:
    return not key.startswith("$") and _is_unicode(key)


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _repr_of_error(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception:  # Only the type is known then.
        return f"{type(error).__name__}()"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # A reader loses a hint; the value is kept all the same.
        return ""
    cut = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
    return cut.encode("utf-8", "replace").decode()


_JSON_CONTAINERS: Final = frozenset({dict, list})
_SCALARS: Final = frozenset({str, int, float, bool, bytes, type(None)})
_BETWEEN_SURROGATES: Final = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_COLLECTION_TAGS: Final[dict[type, str]] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$tuple": tuple,
    "$set": lambda items: _hashed(set, items),
    "$frozenset": lambda items: _hashed(frozenset, items),
    "$dict": lambda pairs: _hashed(dict, pairs),
    "$int": lambda text: int(text, 16),
    "$float": float,
    "$str": _joined,
    "$error": decode_text,
}
