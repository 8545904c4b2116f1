"""The summary after the comparisons: their number, and the known differences."""

from __future__ import annotations

from tests.transparency.comparisons import COMPARISONS
from tests.transparency.differences import LEFT
from tests.transparency.graphs import ALL


def lines(passed: int) -> list[str]:
    """Return the counts and the known differences."""
    counts = f"transparency: {len(ALL)} graphs, {passed} of {len(COMPARISONS)} comparisons as expected"
    return [counts, *(f"  known difference: {left.what}" for left in LEFT)]
