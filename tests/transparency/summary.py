"""After the comparisons: how many there were, and what differences are left."""

from __future__ import annotations

from tests.transparency.comparisons import COMPARISONS
from tests.transparency.differences import LEFT
from tests.transparency.graphs import ALL


def lines(passed: int) -> list[str]:
    """The counts and the table."""
    counts = f"transparency: {len(ALL)} graphs, {passed} of {len(COMPARISONS)} comparisons as expected"
    return [counts, *(f"  left: {left.what}" for left in LEFT)]
