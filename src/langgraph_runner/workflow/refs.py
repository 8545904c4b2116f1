"""How an output is known: by the hash of its value, which others are hashed with, and by that of its JSON.

The first is the same for equal values, whatever the order of their keys and however their types are written as JSON.
The second tells those apart where they are kept: who receives an output gets the very JSON that was made of it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

__all__ = ["MAX_REF", "hash_in", "ref_of"]

_DIGEST_CHARS: Final = 32
"""128 bits: only what has the same value is told apart."""
MAX_REF: Final = 64 + 1 + _DIGEST_CHARS


def ref_of(content_hash: str, data: bytes) -> str:
    """The reference of an output.

    Args:
        content_hash: Of its value.
        data: It, as JSON.
    """
    return f"{content_hash}.{sha256(data).hexdigest()[:_DIGEST_CHARS]}"


def hash_in(ref: str) -> str:
    """The content hash of the value."""
    return ref.partition(".")[0]
