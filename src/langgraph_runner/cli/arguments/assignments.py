"""`--set KEY=VALUE`: set values in a JSON object, and read them as text where the model wants text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from langgraph_runner.cli.arguments.values import read_json_or_text
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.workflow import ChangeRequestError, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Assigned", "assign", "call_with"]

T = TypeVar("T")
_WANTS_TEXT: Final = frozenset({"string_type", "literal_error", "enum"})
"""The types of pydantic errors for a value that is not the text that the model wants."""


class Assigned(NamedTuple):
    """A JSON object in which values were set."""

    value: Any
    texts: Mapping[tuple[str, ...], str]
    """What the user wrote for a number, true, false or null, by the path of the key."""

    def with_texts(self, error: Exception) -> Assigned | None:
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
        return Assigned(value, {path: text for path, text in self.texts.items() if path not in wanted})


def assign(value: Any, assignments: list[str]) -> Assigned:
    """Set values in a copy of a JSON object. `a.b=1` sets a value in the object `a`. A value is JSON, or else text.

    Args:
        value: The object; None for an empty one.
        assignments: Each as `key=value`.

    Raises:
        CliError: An assignment has no key, or there is no object at its path.
    """
    given = {} if value is None else value
    if not assignments:
        return Assigned(given, {})
    result = json.loads(json.dumps(given))
    texts: dict[tuple[str, ...], str] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        path = tuple(key.split("."))
        if not equals or not all(path):
            raise CliError(
                CliCode.USAGE, f"--set must be KEY=VALUE, such as brand.hue=210, got {assignment!r}."
            )
        read = read_json_or_text(text)
        if not _set(result, path, read):
            place = f" at '{'.'.join(path[:-1])}'" if len(path) > 1 else ""
            raise CliError(CliCode.USAGE, f"--set {assignment!r} needs a JSON object{place}.")
        # Of several values for a key the last one counts. So forget the texts below this key.
        texts = {other: each for other, each in texts.items() if other[: len(path)] != path}
        if not isinstance(read, (str, list, dict)):
            texts[path] = text
    return Assigned(result, texts)


async def call_with(assigned: Assigned, call: Callable[[Any], Awaitable[T]]) -> T:
    """Call with the assigned values; if the model wants text for some, such as `tone=77`, call again with text.

    Raises:
        WorkflowInputError: The inputs do not fit, with text either.
        ChangeRequestError: The change does not fit, with text either.
    """
    try:
        return await call(assigned.value)
    except (WorkflowInputError, ChangeRequestError) as error:
        with_texts = assigned.with_texts(error)
        if with_texts is None:
            raise
    # This call is outside the handler, so that its error does not have the first one as its context.
    return await call(with_texts.value)


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
