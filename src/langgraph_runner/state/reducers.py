"""How parallel branches merge into one field of the state.

Every reducer here is associative, never mutates its arguments, and accepts None for either side, so the
order in which LangGraph folds the writes of a superstep changes nothing and a node may write None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_ERRORS", "append_bounded", "append_unique", "merge_mappings"]

MAX_ERRORS: Final = 100
"""How many error records a state keeps unless told otherwise: the newest."""

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


def merge_mappings(
    left: Mapping[str, ValueT] | None, right: Mapping[str, ValueT] | None
) -> dict[str, ValueT]:
    """Both sides in one new dict; where they share a key, the later write (`right`) wins.

    Raises:
        TypeError: A side is neither a mapping nor None.
    """
    return {**_as_mapping(left), **_as_mapping(right)}


def append_unique(left: Iterable[ItemT] | None, right: Iterable[ItemT] | None) -> list[ItemT]:
    """`left`, then what `right` adds to it, without repeating an equal item; the first one stays.

    Items need not be hashable. Linear for items that are; dicts are compared by their content.

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


# One function for each limit: LangGraph takes two schemas for the same channel only if their reducer is the same.
@lru_cache(typed=True)
def append_bounded(
    limit: int = MAX_ERRORS,
) -> Callable[[Iterable[Any] | None, Iterable[Any] | None], list[Any]]:
    """A reducer that appends, and keeps only the newest `limit` items.

    An error record that is there already is not repeated, but counts as newest: a subgraph that shares the field
    hands back the errors that it was given together with its own.

    Use it to keep more or fewer errors than the usual 100:
    `errors: Annotated[list[NodeErrorRecord], append_bounded(500)]`.

    Args:
        limit: How many items stay, at least 1.

    Returns:
        The reducer. `(a + b)[-limit:]` is associative, so bounding loses nothing that a later bound keeps.

    Raises:
        ValueError: `limit` is not a whole number of at least 1.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit: {limit!r} is not a whole number of at least 1.")

    def append(left: Iterable[Any] | None, right: Iterable[Any] | None) -> list[Any]:
        return _without_repeated_records([*_as_items(left), *_as_items(right)])[-limit:]

    return append


def _as_mapping(value: Mapping[str, ValueT] | None) -> Mapping[str, ValueT]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"Expected a dict to merge into the state, got {type(value).__name__}.")
    return value


def _as_items(value: Iterable[ItemT] | None) -> Iterable[ItemT]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise TypeError(
            f"Expected a list to append to the state, got {type(value).__name__}. Wrap a single item: [item]."
        )
    return value


def _without_repeated_records(items: list[Any]) -> list[Any]:
    """The same items, each error record only where it stands last; so bounding stays associative."""
    records = [_record_key(item) for item in items]
    last = {key: index for index, key in enumerate(records) if key is not None}
    if len(last) == len(items) or not last:
        return items
    return [
        item
        for i, (item, key) in enumerate(zip(items, records, strict=True))
        if key is None or last[key] == i
    ]


def _record_key(item: object) -> object:
    return item.get("error_id") if isinstance(item, Mapping) else None


def _identity(item: object) -> object:
    """A hashable stand-in for `item` that is equal where the item is (1 and True, say, stay apart)."""
    if isinstance(item, Mapping):
        return "mapping", frozenset((key, _identity(value)) for key, value in item.items())
    if isinstance(item, (list, tuple)):
        return "list", tuple(map(_identity, item))
    try:
        hash(item)
    except TypeError:
        return "repr", type(item), repr(item)
    return type(item), item
