"""Suggestions for misspelled names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Suggest the known name that is closest to `name`.

    Args:
        name: What was written.
        known: The names that exist.

    Returns:
        A sentence with a leading blank, such as `" Did you mean 'retry'?"`; empty if no name is close.
    """
    close = get_close_matches(str(name), [*known], n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
