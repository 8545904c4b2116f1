"""`--set key=value`: values put into a JSON object, and read as text after all where the model wants text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from langgraph_runner.cli.arguments.reading import read_value
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.workflow import ChangeRequestError, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Assigned", "asked_with", "with_assignments"]

T = TypeVar("T")
_WANTS_TEXT: Final = frozenset({"string_type", "literal_error", "enum"})
"""What pydantic calls it if only some text would do."""


class Assigned(NamedTuple):
    """A JSON object with `key=value`s put in."""

    value: Any
    texts: Mapping[tuple[str, ...], str]
    """What was written for a number, true, false or null, by the path of its key."""

    def with_texts(self, error: Exception) -> Assigned | None:
        """The same with text where `error` says that a model wants it; None if it says so nowhere."""
        refused = validation_error_of(error)
        places = (
            []
            if refused is None
            else [each["loc"] for each in refused.errors() if each["type"] in _WANTS_TEXT]
        )
        wanted = {path for path in self.texts if any(_leads_along(path, place) for place in places)}
        if not wanted:
            return None
        value = json.loads(json.dumps(self.value))
        for path in wanted:
            _put(value, path, self.texts[path])
        return Assigned(value, {path: text for path, text in self.texts.items() if path not in wanted})


def with_assignments(value: Any, assignments: list[str]) -> Assigned:
    """A JSON object with `key=value`s put in; `a.b=1` goes into the object `a`. A value is JSON, or else text.

    None is an empty object.

    Raises:
        CliError: An assignment has no key, or goes into what is no object.
    """
    given = {} if value is None else value
    if not assignments:
        return Assigned(given, {})
    result = json.loads(json.dumps(given))
    texts: dict[tuple[str, ...], str] = {}
    for assignment in assignments:
        key, is_assigned, text = assignment.partition("=")
        path = tuple(key.split("."))
        if not is_assigned or not all(path):
            raise CliError(CliCode.USAGE, f"--set: {assignment!r} is not key=value, such as brand.hue=210.")
        read = read_value(text)
        if not _put(result, path, read):
            raise CliError(CliCode.USAGE, f"--set: {assignment!r} goes into what is no object.")
        texts = {other: each for other, each in texts.items() if other[: len(path)] != path}
        if not isinstance(read, (str, list, dict)):
            texts[path] = text
    return Assigned(result, texts)


async def asked_with(assigned: Assigned, ask: Callable[[Any], Awaitable[T]]) -> T:
    """Ask with what was assigned; where that is refused for want of text, such as `tone=77`, once more with the text.

    Raises:
        WorkflowInputError: The inputs do not fit, with text either.
        ChangeRequestError: The change does not fit, with text either.
    """
    try:
        return await ask(assigned.value)
    except (WorkflowInputError, ChangeRequestError) as error:
        other = assigned.with_texts(error)
        if other is None:
            raise
    # Its error says what is wrong with the text, or what else is wrong.
    return await ask(other.value)


def _put(target: Any, path: tuple[str, ...], value: Any) -> bool:
    """Put a value into an object; false if there is none at its path."""
    for name in path[:-1]:
        target = target.setdefault(name, {}) if isinstance(target, dict) else None
    if isinstance(target, dict):
        target[path[-1]] = value
    return isinstance(target, dict)


def _leads_along(path: tuple[str, ...], place: tuple[int | str, ...]) -> bool:
    """Whether `path` is in `place`, which names the members of unions, too."""
    parts = iter(place)
    return all(name in parts for name in path)
