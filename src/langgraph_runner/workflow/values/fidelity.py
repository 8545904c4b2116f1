"""Whether a value came through JSON as it was; if not, told by its place and its types, never by its content."""

from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from langgraph_runner.errors.hints import with_article

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["a_kind", "difference", "dotted"]

_ITEMS: Final = (list, tuple, deque)
_SETS: Final = (set, frozenset)
_SCALARS: Final = (str, int, float)
_SHOWN: Final = (complex, Decimal)
"""What may be equal and yet look another: 1.0 and 1.00, 0j and -0j."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_QUICK_LEVELS: Final = 50


def difference(given: Any, back: Any) -> str | None:
    """Where `back` is another value than `given`, in words; None if they are the same.

    The same means the same class and the same content, down to every part. Of a model or a dataclass its fields
    count, not its private attributes, nor which fields were set. Three things may differ: an int comes back as the
    equal float where a float is declared; a subclass of str, int or float that is no enum (LangChain's text, numpy's
    float) as its base; and a datetime with the same offset from UTC, but without the name of its zone.

    Args:
        given: What became JSON.
        back: What was made of that JSON.
    """
    if _are_plain_and_same(given, back, _QUICK_LEVELS):
        return None
    stack: list[Iterator[tuple[str, Any, Any]]] = [iter([("", given, back)])]
    while stack:
        try:
            part = next(stack[-1], None)
        except _DifferentError as different:
            return str(different)
        if part is None:
            stack.pop()
            continue
        path, was, now = part
        if type(was) is type(now):
            stack.append(_parts(path, was, now))
        elif not _stands_for(was, now):
            return (
                f"at {path}, {a_kind(was)} comes back as {a_kind(now)}"
                if path
                else f"{a_kind(was)} comes back as {a_kind(now)}"
            )
    return None


def _are_plain_and_same(was: Any, now: Any, levels: int) -> bool:
    """Whether both are the same JSON value; False leaves it to the walk, which finds out what differs, and where."""
    kind = type(was)
    if kind is not type(now) or not levels:
        return False
    if kind in _PLAIN:
        return bool(was == now)
    if kind is list:
        return len(was) == len(now) and all(
            _are_plain_and_same(one, other, levels - 1) for one, other in zip(was, now, strict=True)
        )
    if kind is not dict or len(was) != len(now):
        return False
    return all(
        type(key) is str and key in now and _are_plain_and_same(value, now[key], levels - 1)
        for key, value in was.items()
    )


def _stands_for(was: Any, now: Any) -> bool:
    if type(was) is int and type(now) is float:
        return bool(was == now)
    return (
        type(now) in _SCALARS
        and isinstance(was, type(now))
        and not isinstance(was, (Enum, bool))
        and bool(was == now)
    )


class _DifferentError(Exception):
    """Two values of one class differ."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"at {path}, {problem}" if path else problem)


def _parts(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """What is still to be compared of two values of one class."""
    if isinstance(was, dict):
        yield from _of_dicts(path, was, now)
    elif isinstance(was, _ITEMS):
        yield from _of_items(path, was, now)
    elif isinstance(was, _SETS):
        if was != now:
            raise _DifferentError(path, f"{a_kind(was)} comes back with other items")
        same = {item: item for item in now}
        yield from ((dotted(path, "*"), item, same[item]) for item in was)
    elif isinstance(was, BaseModel):
        names = type(was).model_fields
        yield from ((dotted(path, name), getattr(was, name), getattr(now, name)) for name in names)
        yield (path, was.model_extra, now.model_extra)
    elif dataclasses.is_dataclass(was):
        names_of_fields = [each.name for each in dataclasses.fields(was)]
        yield from ((dotted(path, name), getattr(was, name), getattr(now, name)) for name in names_of_fields)
    else:
        _refuse_another(path, was, now)


def _of_items(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if len(was) != len(now):
        raise _DifferentError(path, f"{len(was)} items come back as {len(now)}")
    if isinstance(was, deque) and was.maxlen != now.maxlen:
        raise _another(path, was, "its maxlen is lost; use a list, or a deque without one")
    yield from ((dotted(path, n), *pair) for n, pair in enumerate(zip(was, now, strict=True)))


def _of_dicts(path: str, was: dict[Any, Any], now: Any) -> Iterator[tuple[str, Any, Any]]:
    for key, came in zip(was, now, strict=False):
        if type(key) is not type(came) and not (type(key) is int and type(came) is float):
            raise _DifferentError(path, f"a key that is {a_kind(key)} comes back as {a_kind(came)}")
    if was.keys() != now.keys():
        raise _DifferentError(path, "a dict comes back with other keys")
    if isinstance(was, defaultdict) and was.default_factory is not now.default_factory:
        raise _another(path, was, "its default_factory is that of the declared type; use this, or a dict")
    for key, came in zip(was, now, strict=True):
        if type(key) not in _PLAIN:
            yield path, key, came
    yield from ((dotted(path, f"{key!s:.40}"), value, now[key]) for key, value in was.items())


def _refuse_another(path: str, was: Any, now: Any) -> None:
    if isinstance(was, (datetime, time)):
        _refuse_another_time(path, was, now)
    elif not (was is now or bool(was == now)):
        raise _another(path, was)
    elif isinstance(was, _SHOWN) and repr(was) != repr(now):
        raise _another(path, was, "equal, but not written the same")


def _refuse_another_time(path: str, was: Any, now: Any) -> None:
    # The names of zones do not survive, and Python holds some times of different zones for never equal.
    plain = (was.replace(tzinfo=None, fold=0), now.replace(tzinfo=None, fold=0))
    if plain[0] != plain[1] or was.utcoffset() != now.utcoffset():
        raise _another(path, was)
    if (was.tzinfo is None) is not (now.tzinfo is None):
        raise _another(path, was, "its timezone, which has no fixed offset, is lost; keep a datetime")
    if was.tzinfo is None and was.fold != now.fold:
        raise _another(path, was, "its fold is lost; give it a timezone")


def _another(path: str, value: Any, why: str = "") -> _DifferentError:
    return _DifferentError(path, f"{a_kind(value)} comes back as another one{why and f' ({why})'}")


def dotted(path: str, name: object) -> str:
    """The place of what is called so within `path`, such as `prices.0.tea`."""
    return f"{path}.{name}" if path else str(name)


def a_kind(value: Any) -> str:
    """What kind of value it is, with its article."""
    if value is None:
        return "None"
    if type(value) is float and value != value:  # noqa: PLR0124 - NaN is the one that does not equal itself
        return "NaN"
    return with_article(type(value).__name__)
