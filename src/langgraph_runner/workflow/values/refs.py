"""How an output is known: by the hash of its value, which others are hashed with, and by that of its JSON.

The first is the same for equal values, whatever the order of their keys and however their types are written as JSON.
The second tells those apart where they are kept: who receives an output gets the very JSON that was made of it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

__all__ = ["hash_in", "ref_of"]

_DIGEST_CHARS: Final = 20
"""120 bits: only what has the same value is told apart."""


def ref_of(content_hash: str, data: bytes) -> str:
    """The reference of an output: 64 characters, as long as the content hash, which was all of it at first.

    Args:
        content_hash: Of its value, in hex.
        data: It, as JSON.
    """
    return f"{_text(bytes.fromhex(content_hash))}.{_text(sha256(data).digest())[:_DIGEST_CHARS]}"


def hash_in(ref: str) -> str:
    """The content hash of the value, in hex."""
    value, is_split, _ = ref.partition(".")
    return urlsafe_b64decode(f"{value}=").hex() if is_split else ref


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")
