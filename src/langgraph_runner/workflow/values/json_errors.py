"""Messages about values that cannot be stored as JSON: the place, the type and the reason, never the content.

All of this runs only after a value was refused, so it costs nothing for good values.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_type_hints

from pydantic import RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.values.round_trip import (
    describe_type,
    dump_plain_json,
    field_names,
    join_path,
    type_adapter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic_core import ErrorDetails

__all__ = ["BadPart", "describe_invalid_json", "describe_validation_error", "find_bad_part"]

_MAX_DEPTH: Final = 50
_MAX_SHOWN: Final = 3
_ANY: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_DUMP_ERRORS: Final = (PydanticSerializationError, TypeError, ValueError, RecursionError)


class BadPart(NamedTuple):
    """The smallest part of a value that cannot be written as JSON."""

    value: Any
    message: str
    """Its place, its type and the reason."""


class _Part(NamedTuple):
    """A part of a value."""

    name: str
    value: Any
    dump: Callable[[], object]
    """Writes the part as JSON; raises if that is not possible."""
    declared: Any = Any
    """The declared type, if the part is a field."""


def find_bad_part(value: Any, error: Exception, *, is_plain: bool) -> BadPart:
    """Find the smallest part of `value` that caused `error` when it was written as JSON. Never raises.

    With `is_plain`, only plain JSON types are allowed; otherwise every type that pydantic can write.
    """
    try:
        return _search(value, error, is_plain=is_plain)
    except Exception:  # Looking into the value may call methods of a user's class, such as a key's __str__.
        return BadPart(value, str(error))


def _search(value: Any, error: Exception, *, is_plain: bool) -> BadPart:
    path, declared, seen = "", Any, {id(value)}
    parts_of = _plain_parts if is_plain else _typed_parts
    for _ in range(_MAX_DEPTH):
        found = _first_bad(parts_of(value))
        if found is None:  # All parts are good, so the value itself is the problem.
            break
        part, error = found
        path, value, declared = join_path(path, part.name), part.value, part.declared
        if id(value) in seen:  # The value contains itself.
            break
        seen.add(id(value))
    return BadPart(value, _describe(path, value, declared, error))


def _first_bad(parts: Iterator[_Part]) -> tuple[_Part, Exception] | None:
    for part in parts:
        try:
            part.dump()
        except _DUMP_ERRORS as error:
            return part, error
    return None


def describe_validation_error(error: ValidationError, path: str = "", fields: Iterable[str] = ()) -> str:
    """Return the first three findings of pydantic on one line, without the values.

    `path` is the place of the value that was validated. For an unknown field, one of `fields` is suggested.
    """
    details = error.errors(include_url=False, include_context=False)
    found: list[str] = []
    for each in details[:_MAX_SHOWN]:
        where = reduce(join_path, each["loc"], path)
        message = _finding(each, fields)
        found.append(f"{where}: {message}" if where else message)
    more = f"; and {len(details) - _MAX_SHOWN} more" if len(details) > _MAX_SHOWN else ""
    return "; ".join(found) + more


def describe_invalid_json(error: ValidationError) -> str:
    """Return why a type refuses the JSON that was made of one of its own values."""
    has_null = any(each["input"] is None for each in error.errors(include_url=False, include_context=False))
    hint = " NaN and infinity become null in JSON." if has_null else ""
    return f"{describe_validation_error(error)}.{hint}"


def _finding(found: ErrorDetails, fields: Iterable[str]) -> str:
    if found["type"].endswith("_type"):
        return f"{found['msg']}, not {describe_type(found['input'])}"
    if found["type"] == "extra_forbidden" and len(found["loc"]) == 1:
        hint = did_you_mean(found["loc"][0], fields)
        return f"{found['msg']}.{hint}" if hint else found["msg"]
    return found["msg"]


def _describe(path: str, value: Any, declared: Any, error: Exception) -> str:
    where = f"at {path}, " if path else ""
    if "PydanticSerializationUnexpectedValue" not in str(error):
        return f"{where}{describe_type(value)} ({error})"
    # This error has several lines and shows the value. Validating the field gives a short message without the value.
    with suppress(Exception):  # A validator of the user may raise anything.
        try:
            _adapter_or_any(declared).validate_python(value, strict=True)
        except ValidationError as better:
            return describe_validation_error(better, path)
    return f"{where}{describe_type(value)} is not of the declared type"


def _plain_parts(value: Any) -> Iterator[_Part]:
    if isinstance(value, (dict, list, tuple)):
        for name, each in _items(value):
            yield _Part(name, each, partial(dump_plain_json, each))


def _typed_parts(value: Any) -> Iterator[_Part]:
    if isinstance(value, RootModel):
        yield from _typed_parts(value.root)
    elif (names := field_names(value)) is not None:
        # The model dumps its own fields, because it may have serializers for them.
        dump, hints = _dump_function(value), _type_hints(type(value))
        for name in names:
            yield _Part(name, getattr(value, name, None), partial(dump, include={name}), hints.get(name, Any))
        extra: dict[str, Any] = getattr(value, "model_extra", None) or {}
        for name, each in extra.items():
            yield _Part(name, each, _dump_function(each))
    else:
        for name, each in _items(value):
            yield _Part(name, each, _dump_function(each))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{key!s:.40}", each) for key, each in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((str(index), each) for index, each in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("*", each) for each in value)


def _dump_function(value: Any) -> Callable[..., object]:
    adapter = _ANY if field_names(value) is None else _adapter_or_any(type(value))
    return partial(adapter.dump_json, value, by_alias=True, round_trip=True, warnings="error")


def _adapter_or_any(annotation: Any) -> TypeAdapter[Any]:
    with suppress(Exception):  # A type of the user may raise anything.
        return type_adapter(annotation)
    return _ANY


def _type_hints(model: type) -> dict[str, Any]:
    with suppress(Exception):  # An annotation may be any expression.
        return get_type_hints(model, include_extras=True)
    return {}
