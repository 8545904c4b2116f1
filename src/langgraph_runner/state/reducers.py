"""Reducers: how the writes of parallel branches to one field of the state are merged.

Every reducer here is associative, so it does not matter how LangGraph groups the writes of a superstep. None
changes its arguments, and each accepts None for either side, so a node may write None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_ERRORS", "append_bounded", "append_unique", "merge_mappings"]

MAX_ERRORS: Final = 100
"""How many error records a state keeps by default: the newest ones."""

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


def merge_mappings(
    left: Mapping[str, ValueT] | None, right: Mapping[str, ValueT] | None
) -> dict[str, ValueT]:
    """Merge both sides into a new dict; where they share a key, the later write (`right`) wins.

    Raises:
        TypeError: A side is neither a mapping nor None.
    """
    return {**_as_mapping(left), **_as_mapping(right)}


def append_unique(left: Iterable[ItemT] | None, right: Iterable[ItemT] | None) -> list[ItemT]:
    """Append the items of `right` to `left` in a new list; of equal items the first one stays.

    Items need not be hashable. The time is linear in the number of items; dicts are compared by their content.

    Raises:
        TypeError: A side is neither a list or tuple nor None.
    """
    merged: list[ItemT] = []
    seen: set[object] = set()
    for item in (*_as_items(left), *_as_items(right)):
        key = _identity(item)
        if key not in seen:
            seen.add(key)
            merged.append(item)
    return merged


# One function per limit: LangGraph accepts two schemas with the same channel only if their reducer is the same.
@lru_cache(typed=True)
def append_bounded(
    limit: int = MAX_ERRORS,
) -> Callable[[Iterable[Any] | None, Iterable[Any] | None], list[Any]]:
    """Return a reducer that appends, and keeps only the newest `limit` items.

    An error record that the list already contains is not repeated, but moves to the end: a subgraph that shares
    the field returns the errors that it was given together with its own.

    Use it to keep another number of errors than 100:
    `errors: Annotated[list[NodeErrorRecord], append_bounded(500)]`.

    Args:
        limit: How many items to keep, at least 1.

    Returns:
        The reducer. `(a + b)[-limit:]` is associative, so an early cut loses nothing that a late cut keeps.

    Raises:
        ValueError: `limit` is not a whole number of at least 1.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number of at least 1, got {limit!r}.")

    def append(left: Iterable[Any] | None, right: Iterable[Any] | None) -> list[Any]:
        return _without_repeated_records([*_as_items(left), *_as_items(right)])[-limit:]

    return append


def _as_mapping(value: Mapping[str, ValueT] | None) -> Mapping[str, ValueT]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"A value to merge into the state must be a dict, got {type(value).__name__}.")
    return value


def _as_items(value: Iterable[ItemT] | None) -> Iterable[ItemT]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise TypeError(
            f"A value to append to the state must be a list, got {type(value).__name__}."
            " Wrap a single item: [item]."
        )
    return value


def _without_repeated_records(items: list[Any]) -> list[Any]:
    """Return the items, with each error record only in its last place, so that bounding stays associative."""
    records = [_record_key(item) for item in items]
    last = {key: index for index, key in enumerate(records) if key is not None}
    if len(last) == len(items) or not last:
        return items
    kept = []
    for index, key in enumerate(records):
        if key is None or last[key] == index:
            kept.append(items[index])
    return kept


def _record_key(item: object) -> object:
    return item.get("error_id") if isinstance(item, Mapping) else None


def _identity(item: object) -> object:
    """Return a hashable key that is equal for equal items. 1 and True are not equal here."""
    if isinstance(item, Mapping):
        return "mapping", frozenset((key, _identity(value)) for key, value in item.items())
    if isinstance(item, (list, tuple)):
        return "list", tuple(map(_identity, item))
    try:
        hash(item)
    except TypeError:
        return "repr", type(item), repr(item)
    return type(item), item
