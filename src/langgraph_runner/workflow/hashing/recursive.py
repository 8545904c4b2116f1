"""The fast encoder for values that are not nested deeply, which is nearly all of them. It uses recursion.

It gives up on the first difficulty and does not say why: the iterative encoder in `canonical` then finds out what is
wrong, and where. Both must produce the same text.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.containers import plain_keys
from langgraph_runner.workflow.hashing.frame import Frame
from langgraph_runner.workflow.hashing.plain_json import encode_plain
from langgraph_runner.workflow.hashing.registry import encode_or_open
from langgraph_runner.workflow.hashing.scalars import SCALARS
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["encode_recursively"]

_MAX_LEVELS: Final = 50
_OUTER_LEVELS: Final = 4
"""Only this near to the root whole trees are tested for plain JSON; deeper down, each would be tested repeatedly."""
_MIN_PLAIN_ITEMS: Final = 16
"""For smaller containers, the test for plain JSON costs more than it saves."""

_scalar_encoder = SCALARS.get


def encode_recursively(value: Any, levels: int = _MAX_LEVELS) -> str:
    """Return the encoding of a value that is nested at most `levels` deep.

    Raises:
        Exception: The iterative encoder has to take over.
    """
    kind = type(value)
    encode = _scalar_encoder(kind)
    if encode is not None:
        return encode(value)
    if not levels:
        raise UnhashablePart("nested deeply", "Use the iterative encoder.")
    if kind is dict:
        keys = plain_keys(value)
        if keys is not None:
            return _encode_if_plain(value, levels) or _encode_object(value, keys, levels)
    elif kind is list:
        return _encode_if_plain(value, levels) or f"[{','.join(_encode_all(value, levels))}]"
    encoded = encode_or_open(value)
    if not isinstance(encoded, Frame):
        return encoded
    encoded.texts = _encode_all(encoded.children, levels)
    return encoded.text()


def _encode_if_plain(value: dict[str, Any] | list[Any], levels: int) -> str | None:
    if len(value) <= _MIN_PLAIN_ITEMS:
        return None
    return encode_plain(value, levels if levels > _MAX_LEVELS - _OUTER_LEVELS else 1)


def _encode_object(value: dict[str, Any], keys: list[str], levels: int) -> str:
    texts = _encode_all([value[key] for key in keys], levels)
    # Not `quote`, which checks for lone surrogates: sorting the keys has checked them already.
    members = [f"{encode_basestring(key)}:{text}" for key, text in zip(keys, texts, strict=True)]
    return f"{{{','.join(members)}}}"


def _encode_all(children: Iterable[Any], levels: int) -> list[str]:
    # Scalars are encoded here rather than by a recursive call, which would double the time for them.
    return [
        encode(child) if (encode := _scalar_encoder(type(child))) else encode_recursively(child, levels - 1)
        for child in children
    ]
