"""The store of runs: tables, statements, one writer that groups commits, migrations."""

from langgraph_runner.engine.store.store import RunStore

__all__ = ["RunStore"]
