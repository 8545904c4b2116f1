"""`Hints`: suggestions for misspelled names, limited in number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.errors.hints import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Hints"]


class Hints:
    """Suggestions for the first few unknown names of a workflow.

    There is a limit because each suggestion compares one name with all others, which takes too long for thousands
    of wrong names.

    Args:
        known: The names that exist.
        limit: For how many unknown names a suggestion is searched.
    """

    def __init__(self, known: Iterable[str], limit: int = 5) -> None:
        self._known = [*known]
        self._left = limit

    def suggest(self, name: object, *others: str) -> str:
        """Return a sentence that names the closest known name, with a leading blank; empty if there is none.

        Args:
            name: The unknown name.
            *others: Names that are known in this place only.
        """
        if self._left <= 0:
            return ""
        self._left -= 1
        return did_you_mean(name, [*others, *self._known])
