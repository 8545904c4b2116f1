"""Any value as JSON that a person can read and that comes back as it was.

What JSON has stays plain: objects with text keys, arrays, strings, numbers, booleans, null. What Python has
besides gets a tag, an object whose first key begins with `$`:

    {"$tuple": [...]}   {"$set": [...]}   {"$frozenset": [...]}
    {"$dict": [[key, value], ...]}        keys that are no text, or that begin with `$`
    {"$int": "0x..."}                     more than 64 bits
    {"$float": "nan"}                     or inf, -inf
    {"$str": "..."}                       lone surrogates, escaped
    {"$serde": "msgpack", "data": "<base64>", "type": ..., "text": ...}
    {"$error": "ValueError('...')", "type": ...}     an exception that LangGraph keeps of a failed task

The last is LangGraph's own serializer: what that keeps is kept, what it changes (nested classes, exceptions)
is changed. `type` and `text` are there for the reader only.

With a serializer that is not LangGraph's plain one, an encrypting one above all, nothing stays plain.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_runner.graph.json_saver.errors import CheckpointSerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from langgraph.checkpoint.serde.base import SerializerProtocol

    from langgraph_runner.errors import Sanitizer

__all__ = ["ValueCodec", "decode_text", "encode_text"]

_MAX_DEPTH: Final = 100
"""Levels of JSON. The encoder has a limit of its own, and what lies deeper goes to the serializer."""
_LOOKED_AT_DEPTH: Final = 3
_LOOKED_AT_LENGTH: Final = 32
_MAX_INT: Final = 2**63
_SHOWN_CHARS: Final = 200


class ValueCodec:
    """Encodes and decodes the values of one document with a serializer. For one thread."""

    def __init__(self, serde: SerializerProtocol, sanitizer: Sanitizer | None = None) -> None:
        self._serde = serde
        self._sanitizer = sanitizer
        self._is_readable = isinstance(serde, JsonPlusSerializer)
        self._plain_keys: set[str] = set()

    def encode(self, value: Any) -> Any:
        """Give a value as what JSON can hold. What is that already is not copied, so write it down at once.

        Raises:
            CheckpointSerializationError: The serializer refuses the value.
        """
        if not self._is_readable:
            return self._through_serde(value)
        try:
            return self._encode(value, 0)
        except RecursionError as error:  # The caller's own calls may be nested deeply already.
            raise CheckpointSerializationError("", "a value is nested too deeply to be stored") from error

    def encode_error(self, error: BaseException) -> Any:
        """Give the exception of a failed task as its sanitized `repr`, with its type.

        LangGraph's serializer keeps the `repr` of an exception, so that is what any of its savers gives back.

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
        # What is plain as a whole need not be walked. To look for it everywhere would take longer than to walk.
        looks = kind in _JSON_CONTAINERS and depth <= _LOOKED_AT_DEPTH and len(value) >= _LOOKED_AT_LENGTH
        if looks and self._is_plain([value], depth):
            return value
        return self._encode_container(kind, value, depth)

    def _is_plain(self, items: Iterable[Any], depth: int) -> bool:
        """Whether `_encode` would give each of these values as it is.

        It looks at all values of a level together, by type, which takes a third of the time of walking them.
        """
        for _ in range(depth, _MAX_DEPTH + 2):
            found: defaultdict[type, list[Any]] = defaultdict(list)
            for item in items:
                found[type(item)].append(item)
            if not _are_plain(found):
                return False
            dicts, lists = found[dict], found[list]
            if not (dicts or lists):
                return True
            if not self._has_plain_keys(list(chain.from_iterable(dicts))):
                return False
            items = chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists))
        return False

    def _encode_container(self, kind: type, value: Any, depth: int) -> Any:
        encode = self._encode
        if kind is dict:
            if self._has_plain_keys(value):
                return {key: encode(item, depth + 1) for key, item in value.items()}
            return {"$dict": [[encode(k, depth + 3), encode(v, depth + 3)] for k, v in value.items()]}
        if kind is list:
            return [encode(item, depth + 1) for item in value]
        if kind in _COLLECTION_TAGS:
            return {_COLLECTION_TAGS[kind]: [encode(item, depth + 2) for item in value]}
        return self._through_serde(value)

    def _has_plain_keys(self, keys: Collection[Any]) -> bool:
        # Records repeat their keys, and without a Python call for each they cost a third less.
        if not _TEXT_ONLY.issuperset(map(type, keys)):
            return False
        if not self._plain_keys.issuperset(keys):
            new = set(keys) - self._plain_keys
            if not all(map(_is_plain_key, new)):
                return False
            self._plain_keys |= new
        return True

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


def encode_text(text: str) -> Any:
    """Give a text as what JSON can hold, whatever is in it."""
    return text if _is_unicode(text) else {"$str": json.dumps(text)}


def decode_text(found: Any) -> str:
    """Turn what `encode_text` gave back into the text.

    Raises:
        KeyError, TypeError, ValueError: It is nothing of the kind.
    """
    return found if isinstance(found, str) else str(json.loads(found["$str"]))


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:  # A lone surrogate, which UTF-8 does not have.
        return False
    return True


def _are_plain(found: dict[type, list[Any]]) -> bool:
    """Whether JSON can hold these scalars, by their type; it can hold dicts and lists."""
    if not found.keys() <= _JSON_TYPES:
        return False
    if (ints := found.get(int)) and not -_MAX_INT <= min(ints) <= max(ints) < _MAX_INT:
        return False
    return all(map(isfinite, found.get(float, ()))) and _are_unicode(found.get(str, []))


def _are_unicode(texts: list[str]) -> bool:
    return all(map(str.isascii, texts)) or all(map(_is_unicode, texts))


def _is_plain_key(key: str) -> bool:
    return not key.startswith("$") and _is_unicode(key)


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _repr_of_error(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception:  # The type is all that there is to know then.
        return f"{type(error).__name__}()"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # A reader loses a hint; the value is kept all the same.
        return ""
    cut = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
    return cut.encode("utf-8", "replace").decode()


_TEXT_ONLY: Final = frozenset({str})
_JSON_CONTAINERS: Final = frozenset({dict, list})
_JSON_TYPES: Final = frozenset({str, int, float, bool, type(None), *_JSON_CONTAINERS})
_COLLECTION_TAGS: Final[dict[type, str]] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
    "$int": lambda text: int(text, 16),
    "$float": float,
    "$str": json.loads,
    "$error": decode_text,
}
