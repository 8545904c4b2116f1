"""What a user hands to the engine, checked: each refusal names the option, what was given, and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from langgraph_runner.workflow.hashing.scalars import is_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

__all__ = [
    "MAX_AT_ONCE",
    "MAX_KEY",
    "MAX_REASON",
    "MAX_TENANT",
    "of_kind",
    "one_of",
    "statuses",
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


def statuses(value: str | Iterable[str] | None, known: type[StatusT]) -> list[StatusT] | None:
    """One status or several; None for all of them.

    Raises:
        ValueError: There is no such status.
    """
    if value is None:
        return None
    asked = [value] if isinstance(value, str) else value
    return [known(one_of(each, [*known], field="status")) for each in asked]
