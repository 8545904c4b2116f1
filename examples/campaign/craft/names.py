"""Names that are always the same for the same thing: slugs, short ids, a number to choose by."""

import hashlib
import re
import unicodedata

__all__ = ["chosen", "short_id", "slug"]

# Crockford's base 32: no letter that is taken for a digit. https://www.crockford.com/base32.html
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def slug(text: str) -> str:
    """A name as part of a link or a file's name; letters without their accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or f"x-{short_id(text, 6)}"


def short_id(text: str, length: int) -> str:
    """`length` characters that stand for `text`, up to 51."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(length))


def chosen(text: str, count: int) -> int:
    """One of `count` numbers from 0, by `text`: looks like chance, and is always the same."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % count
