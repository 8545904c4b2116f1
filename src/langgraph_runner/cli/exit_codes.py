"""The exit codes of the command line: one table for error codes, and one function for the end of a run."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.status import RunStatus
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import CODES, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine import Run

__all__ = ["EXIT_CODES", "EXIT_OF_ERROR", "ExitCode", "exit_code_of_run"]


EXIT_CODES: Final[Mapping[ExitCode, str]] = MappingProxyType(
    {
        ExitCode.OK: "Success. If the command waited for a run, the run completed.",
        ExitCode.RUN_FAILED: "The run failed.",
        ExitCode.USAGE: "A command, an argument or an option is wrong, or the app cannot be loaded.",
        ExitCode.NOT_FOUND: "There is no such run, workflow, step, API key or database.",
        ExitCode.INVALID: "The inputs, the change or the workflow are invalid.",
        ExitCode.CONFLICT: "The status of the run does not allow this, or another process has the run.",
        ExitCode.CANCELLED: "The run was cancelled, or you answered no.",
        ExitCode.TIMEOUT: "The run exceeded its timeout.",
        ExitCode.OTHER: "The database, a file, the engine or the service failed, or a package is not installed.",
        ExitCode.WOULD_RUN: "`plan --exit-code`: a step would run, or may run.",
        ExitCode.LEFT: "You left a run before its end, by a second Ctrl-C or a termination signal.",
    }
)
"""Every exit code with its meaning, for the docs."""

EXIT_OF_ERROR: Final[Mapping[ErrorCode, ExitCode]] = MappingProxyType(
    {code: meaning.exit_code for code, meaning in CODES.items()}
)
"""The exit code for each error code that a command may end with."""


def exit_code_of_run(run: Run) -> ExitCode:
    """Return the exit code of a command that waited for `run`."""
    if run.status is RunStatus.COMPLETED:
        return ExitCode.OK
    if run.status is RunStatus.CANCELLED:
        return ExitCode.CANCELLED
    if run.error is not None and run.error["code"] == ErrorCode.RUN_TIMEOUT:
        return ExitCode.TIMEOUT
    return ExitCode.RUN_FAILED
