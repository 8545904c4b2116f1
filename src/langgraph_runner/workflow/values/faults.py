"""Why a value cannot be kept, in words: its place, its type and the reason, never its content.

But for writing plain JSON, nothing here runs before a value was refused, so it costs nothing where all is well.
"""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_type_hints

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.values.fidelity import a_kind, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic_core import ErrorDetails

__all__ = ["Fault", "as_plain_json", "fault_in", "in_words", "lost_words"]

_DEEPEST: Final = 50
_ANYTHING: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_PLAIN: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_REFUSALS: Final = (PydanticSerializationError, TypeError, ValueError, RecursionError)


class Fault(NamedTuple):
    """The smallest part of a value that cannot be kept."""

    value: Any
    words: str


class _Part(NamedTuple):
    """A part of a value."""

    name: str
    value: Any
    dump: Callable[[], object]
    """Raises if it cannot be kept."""
    declared: Any = Any
    """The type of a field."""


def as_plain_json(value: Any) -> bytes:
    """A value of plain JSON types as JSON.

    Raises:
        TypeError: It has a part of another type.
        ValueError: It has NaN, an infinity or itself in it.
        RecursionError: It is too deep.
    """
    return _PLAIN.encode(value).encode()


def fault_in(value: Any, error: Exception, *, is_plain: bool) -> Fault:
    """What in `value` is to blame for `error`. Never raises, whatever the value does when it is looked at.

    Args:
        value: What could not be kept.
        error: What was raised.
        is_plain: Whether only plain JSON types are allowed; otherwise it is what pydantic knows.
    """
    try:
        return _found_in(value, error, is_plain=is_plain)
    except Exception:  # A key whose text cannot be had, a proxy of nothing.
        return Fault(value, str(error))


def _found_in(value: Any, error: Exception, *, is_plain: bool) -> Fault:
    place, declared, around = "", Any, {id(value)}
    parts = _plain_parts if is_plain else _typed_parts
    for _ in range(_DEEPEST):
        found = next(((part, why) for part in parts(value) if (why := _refusal(part.dump)) is not None), None)
        if found is None:
            break
        part, error = found
        place, value, declared = dotted(place, part.name), part.value, part.declared
        if id(value) in around:  # It holds itself.
            break
        around.add(id(value))
    return Fault(value, _words(place, value, declared, error))


def in_words(error: ValidationError, place: str = "", fields: Iterable[str] = ()) -> str:
    """What pydantic found, on one line and without the values: the first three findings.

    Args:
        error: Of pydantic.
        place: Where the value is that it was found in.
        fields: Those that there are, for who gives others.
    """
    found = [
        f"{where}: {_finding(each, fields)}"
        if (where := reduce(dotted, each["loc"], place))
        else _finding(each, fields)
        for each in error.errors(include_url=False, include_context=False)
    ]
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""  # noqa: PLR2004
    return "; ".join(found[:3]) + more


def lost_words(error: ValidationError) -> str:
    """Why JSON that was made of a value is refused by the type of the value."""
    has_null = any(each["input"] is None for each in error.errors(include_url=False, include_context=False))
    return f"{in_words(error)}.{' NaN and infinity become null in JSON.' if has_null else ''}"


def _finding(found: ErrorDetails, fields: Iterable[str]) -> str:
    if found["type"].endswith("_type"):
        return f"{found['msg']}, not {a_kind(found['input'])}"
    if found["type"] == "extra_forbidden" and len(found["loc"]) == 1:
        hint = did_you_mean(found["loc"][0], fields)
        return f"{found['msg']}{hint and '.'}{hint}"
    return found["msg"]


def _words(place: str, value: Any, declared: Any, error: Exception) -> str:
    where = f"at {place}, " if place else ""
    if "PydanticSerializationUnexpectedValue" not in str(error):
        return f"{where}{a_kind(value)} ({error})"
    # pydantic tells it in several lines, and with the value; what reads the field tells it in one.
    with suppress(Exception):  # A validator of the user's may raise anything.
        try:
            _adapter_of(declared).validate_python(value, strict=True)
        except ValidationError as better:
            return in_words(better, place)
    return f"{where}{a_kind(value)} is not what is declared"


def _plain_parts(value: Any) -> Iterator[_Part]:
    if isinstance(value, (dict, list, tuple)):
        yield from (_Part(name, each, partial(as_plain_json, each)) for name, each in _items(value))


def _typed_parts(value: Any) -> Iterator[_Part]:
    """Fields are dumped by their model, which may have ways of its own to do so."""
    if isinstance(value, RootModel):
        yield from _typed_parts(value.root)
    elif _has_fields(value):
        dump, hints = _dump_of(value), _hints(type(value))
        for name in _field_names(value):
            yield _Part(name, getattr(value, name, None), partial(dump, include={name}), hints.get(name, Any))
        extra: dict[str, Any] = getattr(value, "model_extra", None) or {}
        yield from (_Part(name, each, _dump_of(each)) for name, each in extra.items())
    else:
        yield from (_Part(name, each, _dump_of(each)) for name, each in _items(value))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{key!s:.40}", each) for key, each in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((str(number), each) for number, each in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("*", each) for each in value)


def _has_fields(value: Any) -> bool:
    return isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _field_names(value: Any) -> list[str]:
    if isinstance(value, BaseModel):
        return [*type(value).model_fields]
    return [each.name for each in dataclasses.fields(value)]


def _dump_of(value: Any) -> Callable[..., object]:
    adapter = _adapter_of(type(value)) if _has_fields(value) else _ANYTHING
    return partial(adapter.dump_json, value, by_alias=True, round_trip=True, warnings="error")


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    with suppress(Exception):  # A type of the user's may raise anything.
        adapter = TypeAdapter(annotation)
        adapter.rebuild()
        return adapter
    return _ANYTHING


def _hints(model: type) -> dict[str, Any]:
    with suppress(Exception):  # An annotation may be any expression.
        return get_type_hints(model, include_extras=True)
    return {}


def _refusal(dump: Callable[[], object]) -> Exception | None:
    try:
        dump()
    except _REFUSALS as error:
        return error
    return None
