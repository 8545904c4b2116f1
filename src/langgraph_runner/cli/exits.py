"""What the exit code of the command line says: one table from error codes, and one from the ends of runs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.status import RunStatus
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import CODES, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine import Run

__all__ = ["EXIT_CODES", "EXIT_OF_CODE", "ExitCode", "exit_of_run"]


EXIT_CODES: Final[Mapping[ExitCode, str]] = MappingProxyType(
    {
        ExitCode.OK: "It was done. A run that was waited for is completed.",
        ExitCode.RUN_FAILED: "The run has failed.",
        ExitCode.USAGE: "A command, an argument or an option is wrong, or the app cannot be loaded.",
        ExitCode.NOT_FOUND: "There is no such run, workflow, step or database.",
        ExitCode.INVALID: "The inputs, the change or the workflow are invalid.",
        ExitCode.CONFLICT: "The run is not in the state that this needs, or somebody else has it.",
        ExitCode.CANCELLED: "The run was cancelled, or you said no.",
        ExitCode.TIMEOUT: "The run took longer than it may.",
        ExitCode.OTHER: "The database, a file, the engine or the service failed, or something is not installed.",
        ExitCode.WOULD_RUN: "`plan --exit-code`: something would run, or might.",
        ExitCode.LEFT: "You left a run by a second Ctrl-C, or by a termination signal, before it was over.",
    }
)
"""Every exit code with its meaning, for the docs."""

EXIT_OF_CODE: Final[Mapping[ErrorCode, ExitCode]] = MappingProxyType(
    {code: meaning.exit_code for code, meaning in CODES.items()}
)
"""The exit code of each error code that a command may end with."""


def exit_of_run(run: Run) -> ExitCode:
    """How a command ends that has waited for `run`."""
    match run.status:
        case RunStatus.COMPLETED:
            return ExitCode.OK
        case RunStatus.CANCELLED:
            return ExitCode.CANCELLED
        case _:
            is_late = run.error is not None and run.error["code"] == ErrorCode.RUN_TIMEOUT
            return ExitCode.TIMEOUT if is_late else ExitCode.RUN_FAILED
