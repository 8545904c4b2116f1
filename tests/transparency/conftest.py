"""After the comparisons: how many there were, and what differences are left."""

from __future__ import annotations

from typing import Any

from tests.transparency.comparisons import COMPARISONS
from tests.transparency.differences import LEFT
from tests.transparency.graphs import ALL


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts and the table. Under xdist this runs where the reports are gathered."""
    passed = [r for r in terminalreporter.stats.get("passed", ()) if "a_wrapped_graph_shows" in r.nodeid]
    if not passed:
        return
    write = terminalreporter.write_line
    write(f"transparency: {len(ALL)} graphs, {len(passed)} of {len(COMPARISONS)} comparisons as expected")
    for left in LEFT:
        write(f"  left: {left.what}")
