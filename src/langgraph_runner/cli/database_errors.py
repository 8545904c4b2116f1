"""Errors of a database as `CliError`: with the name of the database and advice, without its password."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.errors import NodeRunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL

__all__ = ["database_errors", "file_of_database", "opening_errors", "without_password"]

_ADVICE: Final = {
    "unable to open": "Check that its folder exists and that you may write to it.",
    "not a database": "Check that it is the right file.",
    "malformed": "The file is damaged: restore a copy, or move the file away to start with an empty database.",
    "readonly": "Check that you may write to the file and to its folder.",
    "locked": "Another process is writing: try again.",
    "is full": "Free space on its disk.",
    "connection": "Check that it is running, and that it accepts your connection.",
}
"""What to do, by a part of the message of SQLite or PostgreSQL."""


@contextmanager
def database_errors(store: str) -> Iterator[None]:
    """Raise errors of the database with its name and with advice.

    Args:
        store: The URL of the database, or the app whose engine uses it.

    Raises:
        CliError: The database refused.
    """
    try:
        yield
    except DBAPIError as error:
        reason = first_line(error.orig).rstrip(".")
        message = f"The database {_name(store)} refused: {reason}. {_advice(store, reason)}"
        raise CliError(CliCode.DATABASE_FAILED, message.rstrip()) from error


@contextmanager
def opening_errors(store: str) -> Iterator[None]:
    """Do the same while the database with this URL is opened.

    Raises:
        CliError: The database refused, its folder cannot be created, or the URL is invalid.
    """
    try:
        with database_errors(store):
            yield
    except OSError as error:
        message = f"The folder of the database {_name(store)} cannot be created: {error}"
        raise CliError(CliCode.FILE_FAILED, message) from error
    except ValueError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise CliError(CliCode.STORE_INVALID, first_line(error)) from error


def without_password(store: str) -> str:
    """Return the URL with `***` in place of its password."""
    url = _parse(store)
    if url is None or url.password is None:
        return store
    return url.render_as_string(hide_password=True)


def file_of_database(store: str) -> Path | None:
    """Return the file of a SQLite database; None for other databases, and if `store` is not a URL."""
    from langgraph_runner.engine.store.backends import file_of  # noqa: PLC0415 - help and completion need no engine

    url = _parse(store)
    return None if url is None else file_of(url)


def _name(store: str) -> str:
    is_app = _parse(store) is None
    return f"of {store}" if is_app else without_password(store)


def _advice(store: str, reason: str) -> str:
    path = file_of_database(store)
    if path is not None and path.is_dir():
        return "It is a folder: give the path of a file."
    return next((advice for part, advice in _ADVICE.items() if part in reason), "")


def _parse(store: str) -> URL | None:
    try:
        return make_url(store)
    except ArgumentError:
        return None
