"""What the exit code of the command line says: one table from error codes, and one from the ends of runs."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.status import RunStatus
from langgraph_runner.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine import Run

__all__ = ["EXIT_CODES", "EXIT_OF_CODE", "ExitCode", "exit_of_run"]


class ExitCode(IntEnum):
    """How a command has ended. Part of the public contract."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    INVALID = 4
    CONFLICT = 5
    CANCELLED = 6
    TIMEOUT = 7
    OTHER = 8
    WOULD_RUN = 9
    LEFT = 130


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
    {
        ErrorCode.NODE_TIMEOUT: ExitCode.RUN_FAILED,
        ErrorCode.NODE_CANCELLED: ExitCode.CANCELLED,
        ErrorCode.RETRY_EXHAUSTED: ExitCode.RUN_FAILED,
        ErrorCode.CIRCUIT_OPEN: ExitCode.RUN_FAILED,
        ErrorCode.VALIDATION_FAILED: ExitCode.INVALID,
        ErrorCode.INVALID_NODE_OUTPUT: ExitCode.RUN_FAILED,
        ErrorCode.NODE_EXECUTION_FAILED: ExitCode.RUN_FAILED,
        ErrorCode.FALLBACK_FAILED: ExitCode.RUN_FAILED,
        ErrorCode.RUN_TIMEOUT: ExitCode.TIMEOUT,
        ErrorCode.RUN_CANCELLED: ExitCode.CANCELLED,
        ErrorCode.RUN_BLOCKED: ExitCode.RUN_FAILED,
        ErrorCode.WORKFLOW_INVALID: ExitCode.INVALID,
        ErrorCode.WORKFLOW_UNKNOWN: ExitCode.NOT_FOUND,
        ErrorCode.ENGINE_FAILED: ExitCode.OTHER,
        ErrorCode.RUN_NOT_FOUND: ExitCode.NOT_FOUND,
        ErrorCode.RUN_STATE: ExitCode.CONFLICT,
        ErrorCode.IDEMPOTENCY_CONFLICT: ExitCode.CONFLICT,
        ErrorCode.KEY_NOT_FOUND: ExitCode.NOT_FOUND,
        ErrorCode.RUN_FAILED: ExitCode.RUN_FAILED,
        ErrorCode.LEASE_LOST: ExitCode.CONFLICT,
        ErrorCode.WORKFLOW_CHANGED: ExitCode.RUN_FAILED,
        ErrorCode.RECOVERY_EXHAUSTED: ExitCode.RUN_FAILED,
        ErrorCode.ARTIFACT_FAILED: ExitCode.OTHER,
        ErrorCode.ARTIFACT_UNAVAILABLE: ExitCode.OTHER,
        ErrorCode.ARCHIVE_FAILED: ExitCode.OTHER,
        ErrorCode.STORE_UNAVAILABLE: ExitCode.OTHER,
        ErrorCode.SCHEMA_VERSION: ExitCode.OTHER,
        ErrorCode.SERVICE_UNREACHABLE: ExitCode.OTHER,
        ErrorCode.SERVICE_INVALID: ExitCode.OTHER,
        ErrorCode.SERVICE_REFUSED: ExitCode.OTHER,
    }
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
