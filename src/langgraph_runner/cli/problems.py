"""Everything that can end a command, as one line with a stable code.

CliError        an error that only the command line knows: a wrong option, app or file
Problem         any exception, as the message, the code and the exit code that the user sees
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from langgraph_runner.cli.environment import DEBUG_VARIABLE, KEY_VARIABLE
from langgraph_runner.errors.codes import CODES, ExitCode

if TYPE_CHECKING:
    from langgraph_runner.errors import NodeRunnerError

__all__ = ["CliCode", "CliError", "Problem", "first_line"]


class CliCode(StrEnum):
    """The codes of errors that only the command line knows. Each value equals its name, as in `ErrorCode`."""

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
    def exit_code(self) -> ExitCode:
        """The exit code of a command that ends with this code."""
        return _EXIT_OF_CLI_CODE.get(self, ExitCode.OTHER)


_EXIT_OF_CLI_CODE = {
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

_SERVICE_EXTRA = "The service needs an extra: pip install 'langgraph-runner[cli,server]'"
_EXTRA_OF_MODULE = {
    "psycopg": "PostgreSQL needs psycopg: pip install 'psycopg[binary]'",
    "httpx": "--server needs httpx: pip install 'langgraph-runner[cli]'",
    "fastapi": _SERVICE_EXTRA,
    "uvicorn": _SERVICE_EXTRA,
}
"""What to install, by the module that is missing."""

_KEY_FIX = f" Give the key in {KEY_VARIABLE}, or give a file that holds it with --api-key-file."


class CliError(Exception):
    """An error that only the command line knows: a wrong option, app or file.

    Args:
        code: The stable code.
        message: One line: what is wrong, and how to fix it.
    """

    def __init__(self, code: CliCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Problem(NamedTuple):
    """An exception as the user sees it."""

    code: str
    message: str
    exit_code: ExitCode

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Describe any exception. An unexpected one is named by its type."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        from langgraph_runner.errors import NodeRunnerError
        from langgraph_runner.workflow.errors import UnknownStepError

        match error:
            case CliError():
                return cls(error.code, str(error), error.code.exit_code)
            case UnknownStepError():
                return cls(CliCode.STEP_NOT_FOUND, first_line(error), CliCode.STEP_NOT_FOUND.exit_code)
            case NodeRunnerError():
                fix = _KEY_FIX if getattr(error, "reason", None) == "UNAUTHENTICATED" else ""
                return cls(error.code, _message_on_one_line(error) + fix, CODES[error.code].exit_code)
            case DBAPIError():
                code, message = CliCode.DATABASE_FAILED, f"The database refused: {first_line(error.orig)}"
            case SQLAlchemyError():
                code, message = CliCode.DATABASE_FAILED, f"The database failed: {first_line(error)}"
            case ModuleNotFoundError() if error.name in _EXTRA_OF_MODULE:
                code, message = CliCode.NOT_INSTALLED, _EXTRA_OF_MODULE[error.name]
            case ModuleNotFoundError() if "pip install" in str(error):
                code, message = CliCode.NOT_INSTALLED, first_line(error)
            case OSError():
                code, message = CliCode.FILE_FAILED, first_line(error)
            case _:
                code = CliCode.INTERNAL
                message = (
                    f"{type(error).__name__}: {first_line(error)} (set {DEBUG_VARIABLE}=1 for a traceback)"
                )
        return cls(code, message, code.exit_code)


def first_line(error: object) -> str:
    """Return the first line of an exception's message: a link and the SQL statement often follow."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _message_on_one_line(error: NodeRunnerError) -> str:
    """Return the message, with the lines of a pydantic error in it joined to one."""
    from langgraph_runner.errors.hints import validation_error_of

    message = str(error)
    found = validation_error_of(error)
    if found is None:
        return message
    faults = []
    for fault in found.errors():
        place = ".".join(map(str, fault["loc"]))
        faults.append(f"{place}: {fault['msg']}" if place else fault["msg"])
    return message.replace(str(found), "; ".join(faults))
