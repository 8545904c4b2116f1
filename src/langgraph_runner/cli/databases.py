"""What a database refuses, told with its name and with what to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from langgraph_runner.cli.problems import CliCode, CliError, one_line
from langgraph_runner.errors import NodeRunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

__all__ = ["opening", "told_of", "without_password"]

_ADVICE: Final = {
    "unable to open": "Check that its folder is there and that you may write to it.",
    "not a database": "Check that it is the right file.",
    "malformed": "It is damaged: put a copy in its place, or move it away to begin anew.",
    "readonly": "Check that you may write to the file and to its folder.",
    "locked": "Somebody else is writing: try again.",
    "is full": "Make room on its disk.",
    "connection": "Check that it runs there, and that it lets you in.",
}


@contextmanager
def told_of(store: str) -> Iterator[None]:
    """Name the database in what it refuses.

    Args:
        store: Its URL, or the app whose engine has it.

    Raises:
        CliError: It refused.
    """
    try:
        yield
    except DBAPIError as error:
        words = one_line(error.orig).rstrip(".")
        message = f"The database {_name(store)} refused: {words}. {_advice(store, words)}"
        raise CliError(CliCode.DATABASE_FAILED, message.rstrip()) from error


@contextmanager
def opening(store: str) -> Iterator[None]:
    """The same while it is opened.

    Args:
        store: Its URL.

    Raises:
        CliError: It refused, its folder cannot be made, or the URL is none that the store knows.
    """
    try:
        with told_of(store):
            yield
    except OSError as error:
        message = f"The folder of the database {_name(store)} cannot be made: {error}"
        raise CliError(CliCode.FILE_FAILED, message) from error
    except ValueError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise CliError(CliCode.STORE_INVALID, one_line(error)) from error


def without_password(store: str) -> str:
    """The URL as it may be shown: `***` is where its password was."""
    url = _url(store)
    return store if url is None or url.password is None else url.render_as_string(hide_password=True)


def _name(store: str) -> str:
    return f"of {store}" if _url(store) is None else without_password(store)


def _advice(store: str, words: str) -> str:
    from langgraph_runner.engine.store.backends import file_of  # noqa: PLC0415 - only where it has failed

    url = _url(store)
    if url is not None:
        file = file_of(url)
        if file is not None and file.is_dir():
            return "That is a folder: name a file in it."
    return next((advice for sign, advice in _ADVICE.items() if sign in words), "")


def _url(store: str) -> URL | None:
    try:
        return make_url(store)
    except ArgumentError:
        return None
