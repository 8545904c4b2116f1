"""The table of exit codes is whole, and what is derived from it is right."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import NoSuchModuleError, OperationalError

from langgraph_runner.cli.arguments.values import read_duration
from langgraph_runner.cli.database_errors import database_errors
from langgraph_runner.cli.exit_codes import EXIT_CODES, EXIT_OF_ERROR, ExitCode
from langgraph_runner.cli.problems import CliCode, CliError, Problem
from langgraph_runner.cli.render.status_style import status_style
from langgraph_runner.cli.render.text import ago, duration, size
from langgraph_runner.cli.session import Session
from langgraph_runner.errors import ErrorCode
from langgraph_runner.workflow import Reason, StepStatus

pytestmark = pytest.mark.req("R-54")


def test_every_error_code_has_an_exit_code():
    """And every exit code a meaning."""
    assert set(EXIT_OF_ERROR) == set(ErrorCode)
    assert set(EXIT_CODES) == set(ExitCode)


def test_codes_of_the_command_line_are_none_of_the_package():
    """A code means one thing."""
    assert {code.value for code in CliCode} & {code.value for code in ErrorCode} == set()
    assert all(code.exit_code in EXIT_CODES for code in CliCode)


def test_a_database_that_refuses_is_told_in_one_line():
    """Without the statement, which may hold data."""
    problem = Problem.of(OperationalError("SELECT secret", {}, Exception("disk full\nmore")))
    assert problem == ("DATABASE_FAILED", "The database refused: disk full", ExitCode.OTHER)
    assert json.loads(json.dumps(problem._asdict()))["exit_code"] == 8


@pytest.mark.parametrize(
    ("store", "words", "told"),
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
def test_a_database_that_refuses_is_named_with_what_to_look_at(store, words, told):
    """Without its password."""
    with pytest.raises(CliError) as caught, database_errors(store):
        raise OperationalError("SELECT secret", {}, Exception(words))
    assert caught.value.code is CliCode.DATABASE_FAILED
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("postgresql://me:secret@there/x", "'postgresql://me:***@there/x'"),
        ("postgresql://me@there/x", "postgresql://me@there/x"),
        ("sqlite:///my runs.db", "'sqlite:///my runs.db'"),
    ],
)
def test_a_hint_names_the_database_without_its_password(store, shown):
    """What is printed may be logged, and is copied into chats."""
    assert Session(app=None, store=store).hint("retry", "r1") == f"langgraph-runner retry r1 --store {shown}"


def test_a_database_that_cannot_be_asked_is_told_in_one_line():
    """As when a driver is not known."""
    problem = Problem.of(NoSuchModuleError("no driver\nmore"))
    assert problem == ("DATABASE_FAILED", "The database failed: no driver", ExitCode.OTHER)


def test_every_status_and_every_reason_has_a_face():
    """Whatever a step may be."""
    assert all(status_style(status).mark for status in StepStatus)
    assert {status_style("skipped", reason).label for reason in Reason} >= {"cached", "reused", "cancelled"}


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 00 s"),
        (185_000, "3 min 05 s"),
        (3_599_800, "1 h 00 min"),
        (7_800_000, "2 h 10 min"),
    ],
)
def test_durations_are_told_in_fitting_units(ms, text):
    """None ever reads 60 s or 60 min."""
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**50, "1024.0 TiB")]
)
def test_sizes_are_told_in_fitting_units(count, text):
    """Up to TiB."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7d", 604_800), ("12", 12)],
)
def test_durations_are_read(given, seconds):
    """A bare number is seconds."""
    assert read_duration(given, "--timeout").total_seconds() == seconds


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=-3), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_ages_are_told_roughly(passed, text):
    """A clock that is ahead of ours says nothing of the future."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - passed, now) == text
