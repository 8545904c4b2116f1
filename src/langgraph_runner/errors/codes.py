"""The stable error codes of the package, and what each means everywhere: message, exit code and HTTP status.

A code is part of the public contract: route on it, alert on it, translate it. The text behind it may
improve from release to release.

`CODES` is the one table. `server/problems.py` and `cli/exit_codes.py` read it and add the codes that only they have.
One more table needs the classes of the errors, which are above this layer: `engine/errors.py` builds the
error of a code again, from the answer of a service.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODES", "MESSAGE_TEMPLATES", "CodeMeaning", "ErrorCode", "ExitCode", "render_message"]


class ErrorCode(StrEnum):
    """Why a node or a run failed, or a call was refused. The value equals the name, so it is the same in JSON."""

    NODE_TIMEOUT = "NODE_TIMEOUT"
    """`timeout_ms` or `total_timeout_ms` passed."""
    NODE_CANCELLED = "NODE_CANCELLED"
    """An abort signal fired, or LangGraph asked the run to drain."""
    RETRY_EXHAUSTED = "RETRY_EXHAUSTED"
    """Every attempt that the retry configuration allows has failed."""
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    """The circuit breaker refused the call; the function was not called."""
    BULKHEAD_FULL = "BULKHEAD_FULL"
    """The bulkhead refused the call: its places are taken and its queue is full; the function was not called."""
    RATE_LIMITED = "RATE_LIMITED"
    """The rate limit refused the call: it would have waited too long; the function was not called."""
    CALL_REFUSED = "CALL_REFUSED"
    """A policy of your own refused the call; the function was not called."""
    VALIDATION_FAILED = "VALIDATION_FAILED"
    """Data does not fit its model, in the function, in a state update or in the inputs of a workflow."""
    INVALID_NODE_OUTPUT = "INVALID_NODE_OUTPUT"
    """The function returned a value that cannot be written to the state or stored as an output."""
    NODE_EXECUTION_FAILED = "NODE_EXECUTION_FAILED"
    """The function raised an error that is not retried, or no retry is configured."""
    FALLBACK_FAILED = "FALLBACK_FAILED"
    """The function failed finally, and its fallback failed, too."""
    RUN_TIMEOUT = "RUN_TIMEOUT"
    """A whole run took longer than its timeout."""
    RUN_CANCELLED = "RUN_CANCELLED"
    """A whole run was cancelled."""
    RUN_BLOCKED = "RUN_BLOCKED"
    """A run ended with a captured failure that nothing has handled."""
    WORKFLOW_INVALID = "WORKFLOW_INVALID"
    """A workflow cannot be registered."""
    WORKFLOW_UNKNOWN = "WORKFLOW_UNKNOWN"
    """No workflow of this name is registered."""
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    """The tenant has no such run."""
    RUN_STATE = "RUN_STATE"
    """The status of a run does not allow the call."""
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    """An idempotency key was used before, for another request."""
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    """There is no API key with this id, or it no longer works."""
    RUN_FAILED = "RUN_FAILED"
    """A run has failed or was cancelled, and the caller asked for an exception."""
    LEASE_LOST = "LEASE_LOST"
    """Another engine has taken over a run; a late write was refused."""
    WORKFLOW_CHANGED = "WORKFLOW_CHANGED"
    """A run cannot continue, because its workflow has other steps now."""
    RECOVERY_EXHAUSTED = "RECOVERY_EXHAUSTED"
    """A run was given up, because the processes that ran it died again and again."""
    ARTIFACT_FAILED = "ARTIFACT_FAILED"
    """A file of a step cannot be stored, or has changed or disappeared since."""
    ARTIFACT_UNAVAILABLE = "ARTIFACT_UNAVAILABLE"
    """The storage of the files of steps does not answer."""
    ARCHIVE_FAILED = "ARCHIVE_FAILED"
    """An archive of runs cannot be written or read."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """The database keeps a run from continuing."""
    SCHEMA_VERSION = "SCHEMA_VERSION"
    """The database has the schema of another release."""
    SERVICE_UNREACHABLE = "SERVICE_UNREACHABLE"
    """A client got no answer from a service."""
    SERVICE_INVALID = "SERVICE_INVALID"
    """A client got an answer that no service of this package gives."""
    SERVICE_REFUSED = "SERVICE_REFUSED"
    """A service refused a request for a reason that no engine has, such as a missing API key."""
    CHECKPOINT_FAILED = "CHECKPOINT_FAILED"
    """An error of a checkpointer without a code of its own."""
    CHECKPOINT_UNREADABLE = "CHECKPOINT_UNREADABLE"
    """The operating system refused to read a checkpoint file."""
    CHECKPOINT_NOT_A_FILE = "CHECKPOINT_NOT_A_FILE"
    """Something other than a regular file is in the place of a checkpoint file."""
    CHECKPOINT_TOO_LARGE = "CHECKPOINT_TOO_LARGE"
    """A checkpoint file is larger than the saver may read or write."""
    CHECKPOINT_FOREIGN = "CHECKPOINT_FOREIGN"
    """A file in the place of a checkpoint file was not written by this package."""
    CHECKPOINT_VERSION_UNKNOWN = "CHECKPOINT_VERSION_UNKNOWN"
    """A checkpoint file has a format version that this release does not know."""
    CHECKPOINT_CORRUPTED = "CHECKPOINT_CORRUPTED"
    """A checkpoint file has changed since it was written, or a file that it refers to is gone."""
    CHECKPOINT_NOT_SERIALIZABLE = "CHECKPOINT_NOT_SERIALIZABLE"
    """The serializer of a checkpointer refused a value."""
    CHECKPOINT_NOT_WRITTEN = "CHECKPOINT_NOT_WRITTEN"
    """The operating system refused to write a checkpoint; the state before stays."""
    CHECKPOINT_LOCKED = "CHECKPOINT_LOCKED"
    """The lock of a checkpointer was not free in time."""


class ExitCode(IntEnum):
    """How a command of the command line has ended. Part of the public contract."""

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


class CodeMeaning(NamedTuple):
    """What an error code means: a message, an exit code, and an HTTP status.

    `template` is for `str.format`. `http_status` is None for errors that a request cannot cause: where one
    happens in the service all the same, the answer is 500.
    """

    template: str
    exit_code: ExitCode
    http_status: HTTPStatus | None = None


CODES: Final[Mapping[ErrorCode, CodeMeaning]] = MappingProxyType(
    {
        ErrorCode.NODE_TIMEOUT: CodeMeaning(
            "Node '{node}' exceeded its {scope} timeout of {timeout_ms:g} ms (elapsed: {elapsed_ms:.0f} ms).",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.NODE_CANCELLED: CodeMeaning("Node '{node}' was cancelled: {reason}", ExitCode.CANCELLED),
        ErrorCode.RETRY_EXHAUSTED: CodeMeaning(
            "Node '{node}' failed after {attempts} attempts: {detail}", ExitCode.RUN_FAILED
        ),
        ErrorCode.CIRCUIT_OPEN: CodeMeaning(
            "Node '{node}' was not called{again}: its circuit breaker is open ({retry_after}).",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.BULKHEAD_FULL: CodeMeaning(
            "Node '{node}' was not called: {max_concurrent} calls run already and {max_queued} wait.",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.RATE_LIMITED: CodeMeaning(
            "Node '{node}' was not called: its rate limit is reached (retry in {retry_after_ms:.0f} ms).",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.CALL_REFUSED: CodeMeaning("Node '{node}' was not called: {detail}.", ExitCode.RUN_FAILED),
        ErrorCode.VALIDATION_FAILED: CodeMeaning(
            "Node '{node}' met invalid data: {detail}", ExitCode.INVALID, HTTPStatus.UNPROCESSABLE_ENTITY
        ),
        ErrorCode.INVALID_NODE_OUTPUT: CodeMeaning(
            "Node '{node}' returned {found}. {fix}", ExitCode.RUN_FAILED
        ),
        ErrorCode.NODE_EXECUTION_FAILED: CodeMeaning("Node '{node}' failed: {detail}", ExitCode.RUN_FAILED),
        ErrorCode.FALLBACK_FAILED: CodeMeaning(
            "Node '{node}' failed ({detail}), and its fallback failed as well: {fallback_detail}",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.RUN_TIMEOUT: CodeMeaning(
            "The run exceeded its timeout of {timeout_ms:g} ms (elapsed: {elapsed_ms:.0f} ms).",
            ExitCode.TIMEOUT,
        ),
        ErrorCode.RUN_CANCELLED: CodeMeaning("The run was cancelled: {reason}", ExitCode.CANCELLED),
        ErrorCode.RUN_BLOCKED: CodeMeaning(
            "The run is blocked by the failure of {nodes}.", ExitCode.RUN_FAILED
        ),
        ErrorCode.WORKFLOW_INVALID: CodeMeaning(
            "Workflow '{workflow}' cannot be registered ({count}):{problems}", ExitCode.INVALID
        ),
        ErrorCode.WORKFLOW_UNKNOWN: CodeMeaning(
            "There is no workflow '{workflow}'. {hint}", ExitCode.NOT_FOUND, HTTPStatus.NOT_FOUND
        ),
        ErrorCode.RUN_NOT_FOUND: CodeMeaning(
            "There is no run '{run_id}'.", ExitCode.NOT_FOUND, HTTPStatus.NOT_FOUND
        ),
        ErrorCode.RUN_STATE: CodeMeaning(
            "Run '{run_id}' has the status '{status}': {problem}", ExitCode.CONFLICT, HTTPStatus.CONFLICT
        ),
        ErrorCode.IDEMPOTENCY_CONFLICT: CodeMeaning(
            "Idempotency key '{key}' belongs to run '{run_id}', which was asked for with other {differing}."
            " Use a new key for a new run.",
            ExitCode.CONFLICT,
            HTTPStatus.CONFLICT,
        ),
        ErrorCode.KEY_NOT_FOUND: CodeMeaning("There is no working API key '{key_id}'.", ExitCode.NOT_FOUND),
        ErrorCode.RUN_FAILED: CodeMeaning(
            "Run '{run_id}' of workflow '{workflow}' {ended}: {detail}", ExitCode.RUN_FAILED
        ),
        ErrorCode.LEASE_LOST: CodeMeaning(
            "Run '{run_id}' was claimed by another process: the fencing token {fence} is no longer the newest.",
            ExitCode.CONFLICT,
        ),
        ErrorCode.WORKFLOW_CHANGED: CodeMeaning(
            "Workflow '{workflow}' has changed since the run was made: {difference}. retry() makes a new run that"
            " keeps the results that still fit.",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.RECOVERY_EXHAUSTED: CodeMeaning(
            "Run '{run_id}' was given up: {deaths} processes in a row died while they ran {steps}.",
            ExitCode.RUN_FAILED,
        ),
        ErrorCode.ARTIFACT_FAILED: CodeMeaning(
            "Artifact '{name}': {problem}", ExitCode.OTHER, HTTPStatus.GONE
        ),
        ErrorCode.ARTIFACT_UNAVAILABLE: CodeMeaning(
            "Artifact '{name}': {problem}", ExitCode.OTHER, HTTPStatus.SERVICE_UNAVAILABLE
        ),
        ErrorCode.ARCHIVE_FAILED: CodeMeaning("Archive '{path}': {problem}", ExitCode.OTHER),
        ErrorCode.STORE_UNAVAILABLE: CodeMeaning(
            "Run '{run_id}' cannot continue, because the database {store} refuses: {detail}",
            ExitCode.OTHER,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        ErrorCode.SCHEMA_VERSION: CodeMeaning(
            "The database has {found}; this release needs schema {known}. {fix}", ExitCode.OTHER
        ),
        ErrorCode.SERVICE_UNREACHABLE: CodeMeaning(
            "The service at {url} cannot be reached: {detail}. Check the URL, and that `langgraph-runner serve`"
            " runs there.",
            ExitCode.OTHER,
        ),
        ErrorCode.SERVICE_INVALID: CodeMeaning(
            "What answers at {url} is not a langgraph-runner service of this release: {detail}. Check the URL.",
            ExitCode.OTHER,
        ),
        ErrorCode.SERVICE_REFUSED: CodeMeaning("{detail}", ExitCode.OTHER),
        **{
            code: CodeMeaning("{path}: {problem}", ExitCode.OTHER)
            for code in ErrorCode
            if code.startswith("CHECKPOINT_")
        },
    }
)
"""The meaning of each code."""

MESSAGE_TEMPLATES: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {code: meaning.template for code, meaning in CODES.items()}
)
"""The message of each code, as a `str.format` template."""


def render_message(code: ErrorCode, **fields: Any) -> str:
    """Return the message of `code`, with a value for each placeholder of its template."""
    return MESSAGE_TEMPLATES[code].format(**fields)
