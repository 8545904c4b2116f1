"""Values on the command line: JSON from a file, stdin or the argument itself, `--set KEY=VALUE`, durations, tags."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.engine import checks
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.workflow.errors import ChangeRequestError, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["JsonObject", "call_with", "read_duration", "read_object", "read_tags"]

T = TypeVar("T")
_DURATION: Final = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|min|h|d|w)?")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_S: Final = 366 * 86_400
_WANTS_TEXT: Final = frozenset({"string_type", "literal_error", "enum"})
"""The types of pydantic errors for a value that is not the text that the model wants."""


class JsonObject(NamedTuple):
    """A JSON object, with the values of `--set`."""

    value: Any
    texts: Mapping[tuple[str, ...], str]
    """What `--set` has for a number, true, false or null, by the path of the key."""

    def with_texts(self, error: Exception) -> JsonObject | None:
        """Return the object with text where `error` says that the model wants text; None if it wants none."""
        refused = validation_error_of(error)
        if refused is None:
            return None
        places = [each["loc"] for each in refused.errors() if each["type"] in _WANTS_TEXT]
        wanted = {path for path in self.texts if any(_is_within(path, place) for place in places)}
        if not wanted:
            return None
        value = json.loads(json.dumps(self.value))
        for path in wanted:
            _set(value, path, self.texts[path])
        return JsonObject(value, {path: text for path, text in self.texts.items() if path not in wanted})


def read_object(given: str | None, option: str, assignments: list[str] | None) -> JsonObject:
    """Read a JSON object, and set values in it.

    Args:
        given: JSON, the name of a file that holds it, or `-` for stdin. None for an empty object.
        option: The name of the option, for the error message.
        assignments: Each as `key=value`. `a.b=1` sets a value in the object `a`. A value is JSON, or else text.

    Raises:
        CliError: There is no such file, or it holds no valid JSON; an assignment has no key, or there is no object
            at its path.
    """
    result = None if given is None else _read_json(given, option)
    if result is None:  # It is not given, or null.
        result = {}
    texts: dict[tuple[str, ...], str] = {}
    for assignment in assignments or ():
        key, equals, text = assignment.partition("=")
        path = tuple(key.split("."))
        if not equals or not all(path):
            raise CliError(
                CliCode.USAGE, f"--set must be KEY=VALUE, such as brand.hue=210, got {assignment!r}."
            )
        read = _read_json_or_text(text)
        if not _set(result, path, read):
            place = f" at '{'.'.join(path[:-1])}'" if len(path) > 1 else ""
            raise CliError(CliCode.USAGE, f"--set {assignment!r} needs a JSON object{place}.")
        # Of several values for a key the last one counts. So forget the texts below this key.
        texts = {other: each for other, each in texts.items() if other[: len(path)] != path}
        if not isinstance(read, (str, list, dict)):
            texts[path] = text
    return JsonObject(result, texts)


async def call_with(given: JsonObject, call: Callable[[Any], Awaitable[T]]) -> T:
    """Call with an object; if the model wants text for some of its values, such as `tone=77`, call again with text.

    Raises:
        WorkflowInputError: The inputs do not fit, with text either.
        ChangeRequestError: The change does not fit, with text either.
    """
    try:
        return await call(given.value)
    except (WorkflowInputError, ChangeRequestError) as error:
        with_texts = given.with_texts(error)
        if with_texts is None:
            raise
    # This call is outside the handler, so that its error does not have the first one as its context.
    return await call(with_texts.value)


def read_duration(given: str, option: str) -> timedelta:
    """Read a duration such as `500ms`, `30s`, `5m`, `2h` or `7d`. A bare number is in seconds.

    Raises:
        CliError: It is not a duration, or it is longer than a year.
    """
    found = _DURATION.fullmatch(given.strip())
    if found is not None:
        seconds = float(found["amount"]) * _SECONDS[found["unit"] or "s"]
        if seconds <= _MAX_S:
            return timedelta(seconds=seconds)
    raise CliError(
        CliCode.USAGE,
        f"{option} must be a duration of up to a year, such as 500ms, 30s, 5m, 2h or 7d, got {given!r}.",
    )


def read_tags(given: list[str] | None) -> dict[str, str] | None:
    """Read tags that were given as `NAME=VALUE`; None without any.

    Raises:
        CliError: A tag is not NAME=VALUE, a name has two values, or a name or a value is too long.
    """
    if not given:
        return None
    tags: dict[str, str] = {}
    for each in given:
        name, _, value = each.partition("=")
        if not name or not value:
            raise CliError(
                CliCode.USAGE, f"--tag must be NAME=VALUE, such as customer=acme, got {each!r:.80}."
            )
        if tags.setdefault(name, value) != value:
            raise CliError(CliCode.USAGE, f"--tag must have one value for a name, got two for {name!r:.80}.")
    try:
        return checks.tags(tags, field="--tag")
    except ValueError as error:
        raise CliError(CliCode.USAGE, str(error)) from error


def _read_json(given: str, option: str) -> Any:
    if given == "-":
        return _parse(sys.stdin.read(), f"{option}: stdin")
    if given.lstrip().startswith(("{", "[")):
        return _parse(given, option)
    try:
        text = Path(given).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError(CliCode.JSON_INVALID, f"{option}: {given} is not UTF-8: {error}") from error
    except (OSError, ValueError) as error:
        raise CliError(
            CliCode.USAGE,
            f"{option} must be JSON, the name of a file, or -, got {given!r} ({first_line(error)}).",
        ) from error
    return _parse(text, f"{option}: {given}")


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} (line {error.lineno}, column {error.colno})."
        raise CliError(CliCode.JSON_INVALID, f"{source} is not valid JSON: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise CliError(CliCode.JSON_INVALID, f"{source} is not valid JSON: {first_line(error)}") from error


def _read_json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's JSON parser takes."""
    raise ValueError(f"{constant} is not a JSON value.")


def _set(target: Any, path: tuple[str, ...], value: Any) -> bool:
    """Set a value in an object. Return False if there is no object at its path."""
    for name in path[:-1]:
        if not isinstance(target, dict):
            return False
        target = target.setdefault(name, {})
    if not isinstance(target, dict):
        return False
    target[path[-1]] = value
    return True


def _is_within(path: tuple[str, ...], place: tuple[int | str, ...]) -> bool:
    """Return whether the names of `path` occur in `place` in this order; `place` also names members of unions."""
    parts = iter(place)
    return all(name in parts for name in path)
