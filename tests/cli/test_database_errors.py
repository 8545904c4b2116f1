"""Errors of a database."""

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.cli.database_errors import database_errors
from langgraph_runner.cli.problems import CliCode, CliError

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize(
    ("store", "reason", "message"),
    [
        (
            "sqlite:///runs.db",
            "attempt to write a readonly database",
            "sqlite:///runs.db refused: attempt to write a readonly database. Check that you may write to the file",
        ),
        ("sqlite:///runs.db", "file is not a database", "Check that it is the right file."),
        ("sqlite:///no/runs.db", "unable to open database file", "Check that its folder exists"),
        ("sqlite:////", "unable to open database file", "It is a folder: give the path of a file."),
        ("sqlite:///runs.db", "unheard of", "sqlite:///runs.db refused: unheard of."),
        ("postgresql://me:secret@there/x", "connection failed", "postgresql://me:***@there/x refused: conn"),
        (
            "shop:engine",
            "database is locked",
            "The database of shop:engine refused: database is locked. Another process",
        ),
    ],
)
def test_an_error_of_a_database_has_its_name_and_advice(store, reason, message):
    """The message does not contain the password."""
    with pytest.raises(CliError) as caught, database_errors(store):
        raise OperationalError("SELECT secret", {}, Exception(reason))
    assert caught.value.code is CliCode.DATABASE_FAILED
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
