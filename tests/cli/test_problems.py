"""Any exception as one line with a code."""

import json

import pytest
from sqlalchemy.exc import NoSuchModuleError, OperationalError

from langgraph_runner.cli.problems import CliCode, Problem
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import CODES, ExitCode

pytestmark = pytest.mark.req("R-54")


def test_codes_of_the_command_line_are_not_codes_of_the_package():
    """A code has one meaning."""
    assert {code.value for code in CliCode} & {code.value for code in ErrorCode} == set()
    assert all(code.exit_code in ExitCode for code in CliCode)


def test_every_error_code_has_an_exit_code():
    """A command may end with any of them."""
    assert set(CODES) == set(ErrorCode)


def test_an_error_of_a_database_is_one_line():
    """The line leaves out the statement, which may contain data."""
    problem = Problem.of(OperationalError("SELECT secret", {}, Exception("disk full\nmore")))
    assert problem == ("DATABASE_FAILED", "The database refused: disk full", ExitCode.OTHER)
    assert json.loads(json.dumps(problem._asdict()))["exit_code"] == 8


def test_an_error_of_sqlalchemy_is_one_line():
    """An example is an unknown driver."""
    problem = Problem.of(NoSuchModuleError("no driver\nmore"))
    assert problem == ("DATABASE_FAILED", "The database failed: no driver", ExitCode.OTHER)
