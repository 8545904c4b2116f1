"""Values that need no tag, encoded by one call of the json module.

A tree is plain if it has only dicts with ASCII text keys, lists, texts, booleans, None and small integers, and no key
has a `$`. For such a tree the json module writes what RFC 8785 asks for: both escape the same characters, and ASCII
keys have one order. The test looks at a whole level of the tree at once, which saves a Python call for each value.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, Final

from langgraph_runner.workflow.hashing.scalars import MAX_INT, is_unicode

__all__ = ["encode_plain"]

_ENCODE: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode
_CONTAINERS: Final = frozenset({dict, list})
_PLAIN: Final = frozenset({dict, list, str, int, bool, type(None)})
_TEXT_ONLY: Final = frozenset({str})
_MAX_REPETITION: Final = 3
"""How often the test may meet a container on average. In a value that contains itself, this grows without limit."""


def encode_plain(root: Any, levels: int) -> str | None:
    """Return the encoding of a dict or list; None if it is not plain.

    Args:
        root: A dict or a list, not of a subclass.
        levels: How many levels of containers to test. A tree with more levels does not count as plain.
    """
    if not _is_plain(root, levels):
        return None
    try:
        text = _ENCODE(root)
    except RecursionError:  # The caller's stack is almost full; the iterative encoder needs little of it.
        return None
    return text if is_unicode(text) else None


def _is_plain(root: Any, levels: int) -> bool:
    containers, met, seen = [root], 0, set[int]()
    for _ in range(levels):
        met += len(containers)
        seen.update(map(id, containers))
        dicts = [each for each in containers if type(each) is dict]
        if met > _MAX_REPETITION * len(seen) or not _have_plain_keys(dicts):
            return False
        lists = [each for each in containers if type(each) is list]
        items = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, dicts))]
        kinds = set(map(type, items))
        if not kinds <= _PLAIN or (int in kinds and not _are_small(items)):
            return False
        if kinds.isdisjoint(_CONTAINERS):
            return True
        containers = [each for each in items if type(each) in _CONTAINERS]
    return False


def _have_plain_keys(dicts: list[dict[Any, Any]]) -> bool:
    keys = [*chain.from_iterable(dicts)]
    if not _TEXT_ONLY.issuperset(map(type, keys)):
        return False
    joined = "".join(keys)
    return joined.isascii() and "$" not in joined


def _are_small(items: list[Any]) -> bool:
    numbers = [each for each in items if type(each) is int]
    return min(numbers) >= -MAX_INT and max(numbers) <= MAX_INT
