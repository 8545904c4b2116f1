"""The stable error codes of the package and the message template of each.

A code is part of the public contract: route on it, alert on it, translate it. The text behind it may
improve from release to release.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MESSAGE_TEMPLATES", "ErrorCode", "render_message"]


class ErrorCode(StrEnum):
    """Why a node, or a run, did not deliver. The value equals the name, so it is the same in JSON."""

    NODE_TIMEOUT = "NODE_TIMEOUT"
    """`timeout_ms` or `total_timeout_ms` passed."""
    NODE_CANCELLED = "NODE_CANCELLED"
    """An abort signal fired, or LangGraph asked the run to drain."""
    RETRY_EXHAUSTED = "RETRY_EXHAUSTED"
    """Every attempt that the retry configuration allows has failed."""
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    """The circuit breaker refused the call; the function was not called."""
    VALIDATION_FAILED = "VALIDATION_FAILED"
    """Data did not match its model (pydantic), in the function or in a state update."""
    INVALID_NODE_OUTPUT = "INVALID_NODE_OUTPUT"
    """The function returned something that LangGraph cannot write to the state."""
    NODE_EXECUTION_FAILED = "NODE_EXECUTION_FAILED"
    """The function raised an error that is not retried, or no retry is configured."""
    FALLBACK_FAILED = "FALLBACK_FAILED"
    """The function failed finally, and its fallback failed as well."""
    RUN_TIMEOUT = "RUN_TIMEOUT"
    """A whole run took longer than it may."""
    RUN_CANCELLED = "RUN_CANCELLED"
    """A whole run was told to stop."""
    RUN_BLOCKED = "RUN_BLOCKED"
    """A run ended with a captured failure that nothing has handled."""
    WORKFLOW_INVALID = "WORKFLOW_INVALID"
    """A workflow cannot be registered."""
    WORKFLOW_UNKNOWN = "WORKFLOW_UNKNOWN"
    """Nobody has registered a workflow of this name."""
    ENGINE_FAILED = "ENGINE_FAILED"
    """Anything of a durable run that has no code of its own."""
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    """The tenant has no such run."""
    RUN_STATE = "RUN_STATE"
    """A run is not in the state that this needs."""
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    """An idempotency key was used before, for another request."""
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    """There is no API key with this id, or it no longer works."""
    RUN_FAILED = "RUN_FAILED"
    """A run that was waited for has failed or was cancelled."""
    LEASE_LOST = "LEASE_LOST"
    """Somebody else has taken over a run; a late write was refused."""
    WORKFLOW_CHANGED = "WORKFLOW_CHANGED"
    """A run cannot go on, because its workflow has other steps now."""
    RECOVERY_EXHAUSTED = "RECOVERY_EXHAUSTED"
    """A run was given up, because the processes that ran it died again and again."""
    ARTIFACT_FAILED = "ARTIFACT_FAILED"
    ARCHIVE_FAILED = "ARCHIVE_FAILED"
    """A file of a step cannot be kept, or is not what it was."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """The database keeps a run from going on."""
    SCHEMA_VERSION = "SCHEMA_VERSION"
    """The database is of another release."""
    SERVICE_UNREACHABLE = "SERVICE_UNREACHABLE"
    """A client got no answer from a service."""
    SERVICE_INVALID = "SERVICE_INVALID"
    """A client got an answer that no service of this package gives."""
    SERVICE_REFUSED = "SERVICE_REFUSED"
    """A service refused a request for a reason that no engine has, such as a missing API key."""


MESSAGE_TEMPLATES: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {
        ErrorCode.NODE_TIMEOUT: "Node '{node}' exceeded its {scope} timeout of {timeout_ms:g} ms "
        "(elapsed: {elapsed_ms:.0f} ms).",
        ErrorCode.NODE_CANCELLED: "Node '{node}' was cancelled: {reason}",
        ErrorCode.RETRY_EXHAUSTED: "Node '{node}' failed after {attempts} attempts: {detail}",
        ErrorCode.CIRCUIT_OPEN: "Node '{node}' was not called{again}: its circuit breaker is open ({retry_after}).",
        ErrorCode.VALIDATION_FAILED: "Node '{node}' met invalid data: {detail}",
        ErrorCode.INVALID_NODE_OUTPUT: "Node '{node}' returned {found}. {fix}",
        ErrorCode.NODE_EXECUTION_FAILED: "Node '{node}' failed: {detail}",
        ErrorCode.FALLBACK_FAILED: "Node '{node}' failed ({detail}), and its fallback failed as well:"
        " {fallback_detail}",
        ErrorCode.RUN_TIMEOUT: "The run exceeded its timeout of {timeout_ms:g} ms (elapsed: {elapsed_ms:.0f} ms).",
        ErrorCode.RUN_CANCELLED: "The run was cancelled: {reason}",
        ErrorCode.RUN_BLOCKED: "The run is blocked by the failure of {nodes}.",
        ErrorCode.WORKFLOW_INVALID: "Workflow '{workflow}' cannot be registered: {problems}",
        ErrorCode.WORKFLOW_UNKNOWN: "There is no workflow '{workflow}'. {hint}",
        ErrorCode.ENGINE_FAILED: "The engine failed: {detail}",
        ErrorCode.RUN_NOT_FOUND: "There is no run '{run_id}'.",
        ErrorCode.RUN_STATE: "Run '{run_id}' is {status}: {problem}",
        ErrorCode.IDEMPOTENCY_CONFLICT: "Idempotency key '{key}' belongs to run '{run_id}', which was asked for with"
        " other {differing}. Use a new key for a new run.",
        ErrorCode.KEY_NOT_FOUND: "There is no working API key '{key_id}'.",
        ErrorCode.RUN_FAILED: "Run '{run_id}' of workflow '{workflow}' is {status}: {detail}",
        ErrorCode.LEASE_LOST: (
            "Run '{run_id}' was claimed by another process: the fencing token {fence} is no longer the newest."
        ),
        ErrorCode.WORKFLOW_CHANGED: "Workflow '{workflow}' has changed since the run was made: {difference}. retry()"
        " makes a new run that keeps the results that still fit.",
        ErrorCode.RECOVERY_EXHAUSTED: "Run '{run_id}' was given up: {deaths} processes in a row died while they ran"
        " {steps}.",
        ErrorCode.ARTIFACT_FAILED: "Artifact '{name}': {problem}",
        ErrorCode.ARCHIVE_FAILED: "Archive '{path}': {problem}",
        ErrorCode.STORE_UNAVAILABLE: "Run '{run_id}' cannot go on, because the database {store} refuses: {detail}",
        ErrorCode.SCHEMA_VERSION: "The database has schema {found}; this release needs schema {known}. {fix}",
        ErrorCode.SERVICE_UNREACHABLE: "The service at {url} cannot be reached: {detail}. Check the URL, and that"
        " `langgraph-runner serve` runs there.",
        ErrorCode.SERVICE_INVALID: "What answers at {url} is not a langgraph-runner service of this release:"
        " {detail}. Check the URL.",
        ErrorCode.SERVICE_REFUSED: "{detail}",
    }
)
"""The message of each code, as a `str.format` template."""


def render_message(code: ErrorCode, **fields: Any) -> str:
    """Fill in the template of `code`.

    Args:
        code: Which template.
        **fields: What its placeholders name.

    Raises:
        KeyError: A placeholder of the template has no field.
    """
    return MESSAGE_TEMPLATES[code].format(**fields)
