"""The database of runs: tables, migrations, and one writer that groups commits.

Reads are in `queries/`, changes in `commands/`, and what differs between databases is in `backends/`.
"""

from langgraph_runner.engine.store.store import RunStore

__all__ = ["RunStore"]
