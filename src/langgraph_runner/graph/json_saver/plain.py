"""A value that is plain JSON as bytes, in calls that no other thread can interrupt.

LangGraph stores a checkpoint in the background while the next nodes run, and a node may change a list or a dict
in place meanwhile. A walk in Python would then fail, or store a state that never was. Each encoder here is one
call of native code that holds the interpreter lock, so what it writes is the value of one moment.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
import ormsgpack

__all__ = ["has_tag", "plain_json"]

_ATTEMPTS: Final = 3
_MSGPACK_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
"""What these pass through is refused, because there is no function to pass it to."""
_JSON_OPTIONS: Final = (
    orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
"""A float of msgpack with all bits of the exponent set. No UTF-8 text holds these bytes."""
_INDENT: Final = "  "


def has_tag(data: bytes) -> bool:
    """Whether JSON may have a key that begins with `$`."""
    return b"$" in data and b'"$' in data  # Quotes are everywhere, so the search for one byte comes first.


def plain_json(value: dict[str, Any] | list[Any], level: int, max_depth: int) -> orjson.Fragment | None:
    """Give a value as indented JSON of one moment; None if JSON alone cannot hold it, or if it never rests.

    JSON alone holds dicts with text keys, lists, texts, integers of 64 bits, finite floats, booleans and None; a
    tuple, a subclass, a lone surrogate or a key that begins with `$` is more.

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
