"""`HashRef`: a hash that stands for its value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["HashRef"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HashRef:
    """The content hash of a value, to be hashed in place of the value.

    `content_hash({"theme": HashRef(h)})` does not encode the theme again. The result is as good as a hash of the
    whole: this is a Merkle tree. Two themes that differ have different hashes (unless SHA-256 is broken), so the
    dicts that hold these hashes differ, too. A reference is encoded under a tag of its own, so it never equals the
    text of its 64 digits, nor the value that it stands for. To compare two hashes, use references in the same
    places in both values.

    Attributes:
        digest: 64 lower-case hex digits, as `content_hash` returns them.

    Raises:
        ValueError: `digest` is something else.
    """

    digest: str

    def __post_init__(self) -> None:
        # The exact type, because the text is later written without another check.
        if type(self.digest) is not str or not _DIGEST.fullmatch(self.digest):
            raise ValueError(
                f"digest must be 64 lower-case hex digits, as content_hash() returns them, got {self.digest!r:.80}."
            )
