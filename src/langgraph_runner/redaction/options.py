"""Checks of what a sanitizer is made with; each error names the option and how to put it right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

SMALLEST_BOUND: Final = 64
LARGEST_BOUND: Final = 10_000_000


def checked_patterns(name: str, value: object) -> tuple[re.Pattern[str], ...]:
    """The option's patterns, compiled; strings are regular expressions.

    Raises:
        TypeError: When it is no list of strings and string patterns.
        ValueError: When one does not compile, or matches the empty string.
    """
    if isinstance(value, str | bytes | re.Pattern) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of patterns, not {type(value).__name__}: write {name}=[...]")
    return tuple(_checked_pattern(f"{name}[{index}]", item) for index, item in enumerate(value))


def _checked_pattern(name: str, item: object) -> re.Pattern[str]:
    if isinstance(item, str):
        try:
            item = re.compile(item)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{name} is no regular expression ({error}): put re.escape() around text to match as it is"
            ) from error
    if not isinstance(item, re.Pattern) or not isinstance(item.pattern, str):
        raise TypeError(f"{name} must be a string or a re.Pattern of strings, not {item!r:.60}")
    if item.search("") is not None:
        raise ValueError(f"{name} matches the empty string: make it need at least one character")
    return item


def checked_bound(name: str, value: object) -> int:
    """A bound in characters, 64 to 10 million.

    Raises:
        TypeError: When it is no whole number.
        ValueError: When it is out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number of characters, not {value!r:.60}")
    if not SMALLEST_BOUND <= value <= LARGEST_BOUND:
        raise ValueError(f"{name} must be {SMALLEST_BOUND} to {LARGEST_BOUND} characters, not {value}")
    return value


def checked_root(value: object) -> str | None:
    """The project's directory as text; it need not exist.

    Raises:
        TypeError: When it is no path.
        ValueError: When it is empty or has a NUL character.
    """
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"project_root must be a path or None, not {value!r:.60}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError("project_root must be a path of text, not of bytes: use os.fsdecode()")
    if not path.strip() or "\0" in path:
        raise ValueError("project_root must name a directory: give a path, or None for the working directory")
    return path
