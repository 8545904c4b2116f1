"""`HashRecord`: the hash of a dict of hashes whose keys are known beforehand."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from langgraph_runner.workflow.hashing.containers import plain_keys
from langgraph_runner.workflow.hashing.scalars import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["HashRecord"]


class HashRecord:
    """Gives what `content_hash` gives for a dict of hashes; most of its text is made once. Immutable.

    Args:
        fixed: Entries that are always the same.
        keys: Of the others. No key begins with `$`.

    Raises:
        ValueError: One does.
    """

    def __init__(self, fixed: Mapping[str, str], keys: Iterable[str]) -> None:
        texts = dict.fromkeys(keys, "%s") | {
            key: quoted(value).replace("%", "%%") for key, value in fixed.items()
        }
        ordered = plain_keys(texts)
        if ordered is None:
            raise ValueError("A key begins with '$'.")
        self._keys = [key for key in ordered if key not in fixed]
        entries = [f"{quoted(key).replace('%', '%%')}:{texts[key]}" for key in ordered]
        self._template = f"{{{','.join(entries)}}}"

    def hash_of(self, hashes: Mapping[str, str | None]) -> str:
        """The hash of the dict with these hashes, by key; each of 64 hex digits, or None."""
        texts = ["null" if (known := hashes[key]) is None else f'"{known}"' for key in self._keys]
        return sha256((self._template % tuple(texts)).encode()).hexdigest()
