"""What a user hands to the engine, checked: each refusal names the option, what was given, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import UnknownStepError
from langgraph_runner.workflow.hashing.scalars import is_unicode

if TYPE_CHECKING:
    from enum import StrEnum

    from langgraph_runner.workflow import Blueprint

__all__ = [
    "MAX_AT_ONCE",
    "MAX_KEY",
    "MAX_REASON",
    "MAX_TENANT",
    "of_kind",
    "one_of",
    "statuses",
    "steps",
    "text",
    "whole",
]

MAX_TENANT: Final = 128
MAX_KEY: Final = 256
MAX_REASON: Final = 2_000
MAX_AT_ONCE: Final = 100_000
"""Steps, or runs."""
StatusT = TypeVar("StatusT", bound="StrEnum")


def of_kind(value: Any, kind: type, *, field: str, fix: str) -> None:
    """Refuse what is of another type.

    Raises:
        TypeError: It is.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{field}: expected {kind.__name__}, got {type(value).__name__}; give {fix}.")


def whole(value: Any, low: int, high: int, *, field: str) -> int:
    """A whole number from `low` to `high`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{field}: {value!r:.80} is not a whole number from {low:,} to {high:,}.")
    return value


def text(value: Any, longest: int, *, field: str) -> str:
    """Text that a database can keep: of 1 to `longest` characters.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError(f"{field}: {value!r:.80} is not text of 1 to {longest:,} characters.")
    if "\0" in value or not is_unicode(value):
        raise ValueError(f"{field}: {value!r:.80} holds what no database keeps as text.")
    return value


def one_of(value: Any, known: Iterable[str], *, field: str) -> str:
    """One of some words.

    Raises:
        ValueError: It is not.
    """
    words = [*map(str, known)]
    if value not in words:
        raise ValueError(f"{field}: {value!r:.80} is not one of {', '.join(map(repr, words))}.")
    return str(value)


def steps(ids: Any, blueprint: Blueprint, *, field: str) -> tuple[str, ...]:
    """The ids of steps of a workflow.

    Raises:
        TypeError: It is no list of ids.
        UnknownStepError: The workflow does not have one of them.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise TypeError(f"{field}: expected a list of step ids, got {ids!r:.80}; put it in [ ].")
    found = tuple(ids)
    for step in found:
        if not isinstance(step, str) or step not in blueprint.steps:
            hint = did_you_mean(step, blueprint.steps) or f" It has: {', '.join(blueprint.steps):.200}."
            problem = f"{field}: workflow '{blueprint.id}' has no step {step!r:.80}.{hint}"
            raise UnknownStepError(workflow=blueprint.id, step=str(step), problem=problem)
    return found


def statuses(value: str | Iterable[str] | None, known: type[StatusT]) -> list[StatusT] | None:
    """One status or several; None for all of them.

    Raises:
        ValueError: There is no such status.
    """
    if value is None:
        return None
    asked = [value] if isinstance(value, str) else value
    return [known(one_of(each, [*known], field="status")) for each in asked]
