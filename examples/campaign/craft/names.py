"""Reproducible names: slugs, short ids, and a number to choose by."""

import hashlib
import re
import unicodedata

__all__ = ["chosen", "short_id", "slug"]

# Crockford's base 32: without letters that look like digits. https://www.crockford.com/base32.html
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def slug(text: str) -> str:
    """Return a name for links and file names; letters lose their accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or f"x-{short_id(text, 6)}"


def short_id(text: str, length: int) -> str:
    """Return `length` characters, at most 51, that identify `text`."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(length))


def chosen(text: str, count: int) -> int:
    """Return a number from 0 to `count` - 1 that depends only on `text`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % count
