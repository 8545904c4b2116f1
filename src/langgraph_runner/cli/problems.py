"""Everything that can end a command, as one line with a stable code.

CliError        what only the command line can meet: an app, an option, a file
Problem         any exception, as the line, the code and the exit code that are shown for it
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from langgraph_runner.cli.exits import EXIT_OF_CODE, ExitCode

if TYPE_CHECKING:
    from langgraph_runner.errors import NodeRunnerError

__all__ = ["CliCode", "CliError", "Problem", "one_line"]


class CliCode(StrEnum):
    """What can go wrong on the command line alone. The value equals the name, as of `ErrorCode`."""

    USAGE = "USAGE"
    APP_NOT_FOUND = "APP_NOT_FOUND"
    APP_INVALID = "APP_INVALID"
    STORE_INVALID = "STORE_INVALID"
    JSON_INVALID = "JSON_INVALID"
    DATABASE_NOT_FOUND = "DATABASE_NOT_FOUND"
    STEP_NOT_FOUND = "STEP_NOT_FOUND"
    RUN_AMBIGUOUS = "RUN_AMBIGUOUS"
    DECLINED = "DECLINED"
    DATABASE_FAILED = "DATABASE_FAILED"
    FILE_FAILED = "FILE_FAILED"
    NOT_INSTALLED = "NOT_INSTALLED"
    INTERNAL = "INTERNAL"

    @property
    def exit(self) -> ExitCode:
        """The exit code of a command that ends with it."""
        return _EXITS.get(self, ExitCode.OTHER)


_EXITS = {
    CliCode.USAGE: ExitCode.USAGE,
    CliCode.APP_NOT_FOUND: ExitCode.USAGE,
    CliCode.APP_INVALID: ExitCode.USAGE,
    CliCode.STORE_INVALID: ExitCode.USAGE,
    CliCode.JSON_INVALID: ExitCode.INVALID,
    CliCode.DATABASE_NOT_FOUND: ExitCode.NOT_FOUND,
    CliCode.STEP_NOT_FOUND: ExitCode.NOT_FOUND,
    CliCode.RUN_AMBIGUOUS: ExitCode.USAGE,
    CliCode.DECLINED: ExitCode.CANCELLED,
}


_SERVICE = "The service needs an extra: pip install 'langgraph-runner[cli,server]'"
_EXTRAS = {
    "psycopg": "PostgreSQL needs psycopg: pip install 'psycopg[binary]'",
    "httpx": "--server needs httpx: pip install 'langgraph-runner[cli]'",
    "fastapi": _SERVICE,
    "uvicorn": _SERVICE,
}
"""What to install, by the module that is missing."""


_KEY_FIX = " Give the key in LANGGRAPH_RUNNER_API_KEY, or name its file with --api-key-file."


class CliError(Exception):
    """What only the command line can meet.

    Args:
        code: Which.
        message: One line: what is wrong, and what to do.
    """

    def __init__(self, code: CliCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Problem(NamedTuple):
    """An exception, as it is shown."""

    code: str
    message: str
    exit_code: ExitCode

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Any exception; an unforeseen one is named by its type."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        from langgraph_runner.errors import NodeRunnerError
        from langgraph_runner.workflow.errors import UnknownStepError

        match error:
            case CliError():
                return cls(error.code, str(error), error.code.exit)
            case UnknownStepError():
                return cls(CliCode.STEP_NOT_FOUND, one_line(error), CliCode.STEP_NOT_FOUND.exit)
            case NodeRunnerError():
                fix = _KEY_FIX if getattr(error, "reason", None) == "UNAUTHENTICATED" else ""
                return cls(error.code, _briefly(error) + fix, EXIT_OF_CODE[error.code])
            case DBAPIError():
                message = f"The database refused: {one_line(error.orig)}"
            case SQLAlchemyError():
                message = f"The database failed: {one_line(error)}"
            case ModuleNotFoundError() if error.name in _EXTRAS:
                return cls(CliCode.NOT_INSTALLED, _EXTRAS[error.name], CliCode.NOT_INSTALLED.exit)
            case ModuleNotFoundError() if "pip install" in str(error):
                return cls(CliCode.NOT_INSTALLED, one_line(error), CliCode.NOT_INSTALLED.exit)
            case OSError():
                return cls(CliCode.FILE_FAILED, one_line(error), CliCode.FILE_FAILED.exit)
            case _:
                message = f"{type(error).__name__}: {one_line(error)} (LANGGRAPH_RUNNER_DEBUG=1 shows where)"
                return cls(CliCode.INTERNAL, message, CliCode.INTERNAL.exit)
        return cls(CliCode.DATABASE_FAILED, message, CliCode.DATABASE_FAILED.exit)


def one_line(error: object) -> str:
    """The first line of what an exception says, which often goes on with a link and the statement."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _briefly(error: NodeRunnerError) -> str:
    """Its message, in which what pydantic lays out over many lines is one."""
    from langgraph_runner.errors.hints import validation_error_of

    text, found = str(error), validation_error_of(error)
    return (
        text
        if found is None
        else text.replace(str(found), "; ".join(map(_place_and_problem, found.errors())))
    )


def _place_and_problem(problem: object) -> str:
    assert isinstance(problem, dict)  # noqa: S101 - pydantic's `ErrorDetails`
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
