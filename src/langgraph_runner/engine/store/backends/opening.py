"""`open_database`: opens the backend of a URL.

Packages add backends as entry points of the group `langgraph_runner.store_backends`. The name is the scheme of the
URL, the value is a `StoreBackend` that takes the URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from langgraph_runner.engine.store.backends.base import StoreBackend
from langgraph_runner.engine.store.backends.postgresql import PostgreSQLBackend
from langgraph_runner.engine.store.backends.sqlite import SQLiteBackend

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENTRY_POINTS", "open_database"]

ENTRY_POINTS: Final = "langgraph_runner.store_backends"
"""The group of entry points in which packages offer further backends."""
_BUILT_IN: Final[dict[str, Callable[[str | URL], StoreBackend]]] = {
    "sqlite": SQLiteBackend,
    "postgresql": PostgreSQLBackend,
}
_EXAMPLES: Final = "use sqlite:///runs.db or postgresql://..."


def open_database(store: str | URL | StoreBackend) -> StoreBackend:
    """Open a database; a missing SQLite file and its folder are created.

    Args:
        store: `sqlite:///runs.db` (a path from here), `sqlite:////srv/runs.db`, `sqlite://` (in memory, for tests),
            `postgresql://...`, a URL of an installed backend, or an open backend.

    Raises:
        ValueError: `store` is not a URL, or no backend serves it.
        TypeError: The entry point of the scheme does not make a `StoreBackend`.
    """
    if isinstance(store, StoreBackend):
        return store
    try:
        scheme = make_url(store).get_backend_name()
    except ArgumentError as error:
        raise ValueError(f"store must be a URL, got {str(store)!r:.120}; {_EXAMPLES}.") from error
    if scheme in _BUILT_IN:
        return _BUILT_IN[scheme](store)
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes longer to import than SQLite to open

    found = [*entry_points(group=ENTRY_POINTS, name=scheme)]
    if not found:
        known = ", ".join(sorted({*_BUILT_IN, *entry_points(group=ENTRY_POINTS).names}))
        raise ValueError(f"store must begin with one of {known}, got {scheme!r}; {_EXAMPLES}.")
    opened: Any = found[0].load()(store)
    if not isinstance(opened, StoreBackend):
        raise TypeError(
            f"store: the entry point {found[0].value} must make a StoreBackend, got {type(opened).__name__}."
        )
    return opened
