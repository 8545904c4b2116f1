"""A hash that stands for its value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["HashRef"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HashRef:
    """The content hash of a value, to be hashed in its place.

    `content_hash({"theme": HashRef(h)})` needs not walk the theme again. It is as good as the hash of the whole:
    this is a Merkle tree. Two themes that differ have different hashes (or SHA-256 is broken), so the dicts that
    hold these hashes differ, too. And a reference is encoded under a tag of its own, which no other value can
    have, so it meets neither a plain text of 64 digits nor the value that it stands for. Whoever compares two
    hashes has to use references in the same places in both.

    Attributes:
        digest: 64 lower-case hex digits, as `content_hash` gives them.

    Raises:
        ValueError: `digest` is something else.
    """

    digest: str

    def __post_init__(self) -> None:
        # The exact type: what is checked here is later written as it is.
        if type(self.digest) is not str or not _DIGEST.fullmatch(self.digest):
            raise ValueError("digest: 64 lower-case hex digits, as content_hash() gives them")
