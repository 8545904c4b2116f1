"""An id as a file name, so that no two ids ever meet, not on a case-insensitive file system either.

Lower-case letters, digits, `-` and `_` stand for themselves; every other byte of the id's UTF-8 becomes `%xx`.
So a name holds no upper-case letter, no separator and no dot, and normalization has nothing to change.
An id whose name would be too long for a file system is known by its beginning and its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["EMPTY_NAME", "decode_name", "encode_name"]

EMPTY_NAME: Final = "@root"
"""The name of the empty id; `@` begins no other name."""

_MAX_CHARS: Final = 160
_SHOWN_CHARS: Final = 80
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_PLAIN_NAME: Final = re.compile(r"[a-z0-9_-]+")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]|%[0-9a-f]{2})+")


def encode_name(text: str) -> str:
    """Give the file name of an id; injective.

    >>> encode_name("Team/a_1"), encode_name("team_a_1")
    ('%54eam%2fa_1', 'team_a_1')
    """
    if len(text) <= _MAX_CHARS and _PLAIN_NAME.fullmatch(text) is not None:  # As nearly all are.
        return text
    data = text.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in data)
    if len(name) <= _MAX_CHARS:
        return name or EMPTY_NAME
    return f"{name[:_SHOWN_CHARS]}~{hashlib.sha256(data).hexdigest()}"


def decode_name(name: str) -> str | None:
    """Give the id of a file name; None for the name of a long id, which only its file knows.

    Raises:
        ValueError: `encode_name` makes no such name.

    >>> decode_name("%54eam%2fa_1")
    'Team/a_1'
    """
    if _PLAIN_NAME.fullmatch(name) is not None:  # As nearly all are: LangGraph's ids are UUIDs.
        return name
    if name == EMPTY_NAME:
        return ""
    if "~" in name:
        return None
    if _NAME.fullmatch(name) is None:
        raise ValueError("not a name of this store")
    plain = re.sub(rb"%(..)", lambda code: bytes.fromhex(code[1].decode()), name.encode())
    return plain.decode("utf-8", "surrogatepass")
