"""`HashRecord`: the hash of a dict of hashes whose keys are known in advance."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from langgraph_runner.workflow.hashing.containers import plain_keys
from langgraph_runner.workflow.hashing.scalars import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["HashRecord"]


class HashRecord:
    """Computes `content_hash` of a dict of hashes from a template that is built once. Immutable.

    Args:
        fixed: Entries with the same value each time.
        keys: The keys of the other entries. No key may begin with `$`.

    Raises:
        ValueError: A key begins with `$`.
    """

    def __init__(self, fixed: Mapping[str, str], keys: Iterable[str]) -> None:
        # A `%s` for each value to fill in; any `%` of the texts themselves is doubled.
        texts = dict.fromkeys(keys, "%s")
        for key, value in fixed.items():
            texts[key] = quote(value).replace("%", "%%")
        ordered = plain_keys(texts)
        if ordered is None:
            raise ValueError("A key must not begin with '$'.")
        self._keys = [key for key in ordered if key not in fixed]
        entries = [f"{quote(key).replace('%', '%%')}:{texts[key]}" for key in ordered]
        self._template = f"{{{','.join(entries)}}}"

    def hash_of(self, hashes: Mapping[str, str | None]) -> str:
        """Return the hash of the dict with these values, each 64 hex digits or None."""
        texts: list[str] = []
        for key in self._keys:
            known = hashes[key]
            texts.append("null" if known is None else f'"{known}"')
        return sha256((self._template % tuple(texts)).encode()).hexdigest()
