"""Values and JSON: adapters, plain values written as JSON, and the check that a value comes back as it was.

Messages name the place and the types of a difference, never the values, which may be secret.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict, deque
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter

from langgraph_runner.errors.hints import with_article

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["describe_type", "dump_plain_json", "field_names", "find_difference", "join_path", "type_adapter"]

_ITEMS: Final = (list, tuple, deque)
_SETS: Final = (set, frozenset)
_SCALARS: Final = (str, int, float)
_EQUAL_BUT_DISTINCT: Final = (complex, Decimal)
"""Types whose equal values may be written differently: 1.0 and 1.00, 0j and -0j."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_FAST_LEVELS: Final = 50
_ENCODER: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def type_adapter(annotation: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type; the same one for the same type.

    Raises:
        Exception: pydantic cannot handle the type, or it names something that is not defined.
    """
    try:
        # Equal unions may list their members in another order, which matters when JSON is read. repr() tells them
        # apart.
        return _cached_adapter(annotation, repr(annotation))
    except TypeError:  # The type is not hashable, such as Annotated[int, []].
        return _make_adapter(annotation)


@lru_cache(maxsize=1024)
def _cached_adapter(annotation: Any, _text: str) -> TypeAdapter[Any]:
    return _make_adapter(annotation)


def _make_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        adapter = TypeAdapter(annotation)
        adapter.rebuild()
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        # The first line says what is wrong. The rest is advice for authors of pydantic types.
        raise ValueError(error.message.partition("\n")[0]) from error
    return adapter


def dump_plain_json(value: Any) -> bytes:
    """Return a value of plain JSON types as JSON.

    Raises:
        TypeError: A part of the value has another type.
        ValueError: The value contains NaN, an infinity or itself.
        RecursionError: The value is nested too deeply.
    """
    return _ENCODER.encode(value).encode()


def find_difference(given: Any, back: Any) -> str | None:
    """Describe where `back` differs from `given`, of whose JSON it was read; None if they are the same.

    The same means the same class and the same content, in every part. Of a model or a dataclass, the fields are
    compared, but not private attributes, nor which fields were set. Three differences are allowed: an int may come
    back as the equal float where a float is declared; a subclass of str, int or float that is not an enum
    (LangChain's text, numpy's float) may come back as its base; and a datetime may come back with the same offset
    from UTC, but without the name of its zone.
    """
    if _are_same_plain_values(given, back, _FAST_LEVELS):
        return None
    # A stack of iterators instead of recursion, so that deep values cannot exceed Python's stack.
    stack: list[Iterator[tuple[str, Any, Any]]] = [iter([("", given, back)])]
    while stack:
        try:
            part = next(stack[-1], None)
        except _DifferenceFoundError as found:
            return str(found)
        if part is None:
            stack.pop()
            continue
        path, was, now = part
        if type(was) is type(now):
            stack.append(_compare_same_class(path, was, now))
        elif not _may_replace(was, now):
            return _at(path, f"{describe_type(was)} comes back as {describe_type(now)}")
    return None


def _are_same_plain_values(was: Any, now: Any, levels: int) -> bool:
    """Return True if both are the same JSON value; False if only the full comparison can tell."""
    kind = type(was)
    if kind is not type(now) or not levels:
        return False
    if kind in _PLAIN:
        return bool(was == now)
    if kind is list:
        return len(was) == len(now) and all(
            _are_same_plain_values(one, other, levels - 1) for one, other in zip(was, now, strict=True)
        )
    if kind is not dict or len(was) != len(now):
        return False
    return all(
        type(key) is str and key in now and _are_same_plain_values(value, now[key], levels - 1)
        for key, value in was.items()
    )


def _may_replace(was: Any, now: Any) -> bool:
    """Return whether `now`, which is of another class, is an allowed replacement of `was`."""
    if type(was) is int and type(now) is float:
        return bool(was == now)
    return (
        type(now) in _SCALARS
        and isinstance(was, type(now))
        and not isinstance(was, (Enum, bool))
        and bool(was == now)
    )


class _DifferenceFoundError(Exception):
    """Two values of one class differ."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(_at(path, problem))


def _compare_same_class(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Compare two values of one class; yield their parts, which the caller compares.

    Raises:
        _DifferenceFoundError: They differ in something else than their parts.
    """
    if isinstance(was, dict):
        yield from _compare_dicts(path, was, now)
    elif isinstance(was, _ITEMS):
        yield from _compare_items(path, was, now)
    elif isinstance(was, _SETS):
        if was != now:
            raise _DifferenceFoundError(path, f"{describe_type(was)} comes back with other items")
        equal_items = {item: item for item in now}
        yield from ((join_path(path, "*"), item, equal_items[item]) for item in was)
    elif (names := field_names(was)) is not None:
        yield from ((join_path(path, name), getattr(was, name), getattr(now, name)) for name in names)
        if isinstance(was, BaseModel):
            yield path, was.model_extra, now.model_extra
    else:
        _compare_scalars(path, was, now)


def _compare_items(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if len(was) != len(now):
        raise _DifferenceFoundError(path, f"{len(was)} items come back as {len(now)}")
    if isinstance(was, deque) and was.maxlen != now.maxlen:
        raise _other_value(path, was, "its maxlen is lost; use a list, or a deque without one")
    for index, (one, other) in enumerate(zip(was, now, strict=True)):
        yield join_path(path, index), one, other


def _compare_dicts(path: str, was: dict[Any, Any], now: Any) -> Iterator[tuple[str, Any, Any]]:
    for key, other in zip(was, now, strict=False):
        if type(key) is not type(other) and not (type(key) is int and type(other) is float):
            raise _DifferenceFoundError(
                path, f"a key that is {describe_type(key)} comes back as {describe_type(other)}"
            )
    if was.keys() != now.keys():
        raise _DifferenceFoundError(path, "a dict comes back with other keys")
    if isinstance(was, defaultdict) and was.default_factory is not now.default_factory:
        raise _other_value(path, was, "its default_factory is that of the declared type; use this, or a dict")
    for key, other in zip(was, now, strict=True):
        if type(key) not in _PLAIN:
            yield path, key, other
    yield from ((join_path(path, f"{key!s:.40}"), value, now[key]) for key, value in was.items())


def _compare_scalars(path: str, was: Any, now: Any) -> None:
    if isinstance(was, (datetime, time)):
        _compare_times(path, was, now)
    elif not (was is now or bool(was == now)):
        raise _other_value(path, was)
    elif isinstance(was, _EQUAL_BUT_DISTINCT) and repr(was) != repr(now):
        raise _other_value(path, was, "equal, but not written the same")


def _compare_times(path: str, was: Any, now: Any) -> None:
    # Not with ==: the names of zones are lost, and Python never finds some times of different zones equal.
    local = (was.replace(tzinfo=None, fold=0), now.replace(tzinfo=None, fold=0))
    if local[0] != local[1] or was.utcoffset() != now.utcoffset():
        raise _other_value(path, was)
    if (was.tzinfo is None) is not (now.tzinfo is None):
        raise _other_value(path, was, "its timezone, which has no fixed offset, is lost; use a datetime")
    if was.tzinfo is None and was.fold != now.fold:
        raise _other_value(path, was, "its fold is lost; give it a timezone")


def _at(path: str, problem: str) -> str:
    return f"at {path}, {problem}" if path else problem


def _other_value(path: str, value: Any, reason: str = "") -> _DifferenceFoundError:
    suffix = f" ({reason})" if reason else ""
    return _DifferenceFoundError(path, f"{describe_type(value)} comes back as another one{suffix}")


def field_names(value: Any) -> list[str] | None:
    """Return the names of the fields of a model or a dataclass; None for any other value."""
    if isinstance(value, BaseModel):
        return [*type(value).model_fields]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [each.name for each in dataclasses.fields(value)]
    return None


def join_path(path: str, name: object) -> str:
    """Return the path of the part `name` within `path`, such as `prices.0.tea`."""
    return f"{path}.{name}" if path else str(name)


def describe_type(value: Any) -> str:
    """Return the type of a value with its article, such as `an int`; for None and NaN, their names."""
    if value is None:
        return "None"
    if type(value) is float and value != value:  # noqa: PLR0124 - only NaN is not equal to itself
        return "NaN"
    return with_article(type(value).__name__)
