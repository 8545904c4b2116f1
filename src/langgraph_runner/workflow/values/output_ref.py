"""The reference of an output: the hash of its value and the hash of its JSON, in one text.

The content hash is the same for equal values, whatever the order of their keys. Other steps are hashed with it. The
hash of the JSON tells apart outputs with equal values and different JSON: a step that receives an output gets exactly
the JSON that was made of it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

__all__ = ["content_hash_of_ref", "make_output_ref"]

_JSON_DIGEST_CHARS: Final = 20
"""120 bits are enough here: only outputs with equal values are told apart."""


def make_output_ref(content_hash: str, data: bytes) -> str:
    """Return the reference of an output: 64 characters, because the database column was made for a content hash.

    Args:
        content_hash: The content hash of the value, in hex.
        data: The value as JSON.
    """
    json_digest = _base64(sha256(data).digest())[:_JSON_DIGEST_CHARS]
    return f"{_base64(bytes.fromhex(content_hash))}.{json_digest}"


def content_hash_of_ref(ref: str) -> str:
    """Return the content hash of the value, in hex. A reference of an early release is the content hash itself."""
    encoded, dot, _ = ref.partition(".")
    return urlsafe_b64decode(f"{encoded}=").hex() if dot else ref


def _base64(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")
