"""The databases that can hold the store, each as a `StoreBackend`."""

from langgraph_runner.engine.store.backends.base import READERS, StoreBackend, backend_of
from langgraph_runner.engine.store.backends.opening import ENTRY_POINTS, open_database
from langgraph_runner.engine.store.backends.postgresql import PostgreSQLBackend
from langgraph_runner.engine.store.backends.sqlite import SQLiteBackend, file_of

__all__ = [
    "ENTRY_POINTS",
    "READERS",
    "PostgreSQLBackend",
    "SQLiteBackend",
    "StoreBackend",
    "backend_of",
    "file_of",
    "open_database",
]
