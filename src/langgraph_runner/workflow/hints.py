"""What somebody may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.errors.hints import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Hints", "did_you_mean"]


class Hints:
    """Hints for the first few wrong names of a workflow: to compare each with all others would take for ever.

    Args:
        known: The names that there are.
        limit: For how many names a hint is sought.
    """

    def __init__(self, known: Iterable[str], limit: int = 5) -> None:
        self._known = [*known]
        self._left = limit

    def of(self, name: object, *others: str) -> str:
        """A sentence that names the closest one, with a blank before it; empty if there is none or no more is sought.

        Args:
            name: What somebody wrote.
            *others: Names that are known only here.
        """
        if self._left <= 0:
            return ""
        self._left -= 1
        return did_you_mean(name, [*others, *self._known])
