"""The table of codes: each code has a message, which its error renders."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from langgraph_runner import (
    MESSAGE_TEMPLATES,
    BulkheadFullError,
    CallRefusedError,
    CheckpointError,
    CircuitOpenError,
    ErrorCode,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    NodeTimeoutError,
    RateLimitedError,
    RetryExhaustedError,
    RunBlockedError,
    RunCancelledError,
    RunTimeoutError,
    UnknownWorkflowError,
    WorkflowChangedError,
    WorkflowDefinitionError,
)
from langgraph_runner.client.errors import ServiceInvalidError, ServiceRefusedError, ServiceUnreachableError
from langgraph_runner.engine.errors import (
    ArchiveError,
    ArtifactError,
    ArtifactUnavailableError,
    IdempotencyConflictError,
    LeaseLostError,
    RecoveryExhaustedError,
    RunFailedError,
    RunNotFoundError,
    RunStateError,
    SchemaVersionError,
    StoreUnavailableError,
)
from langgraph_runner.errors.codes import render_message
from langgraph_runner.errors.record import build_error_record
from langgraph_runner.server.auth.keys import UnknownKeyError


def _invalid_data() -> ValidationError:
    class Order(BaseModel):
        count: int

    with pytest.raises(ValidationError) as raised:
        Order.model_validate({"count": "x"})
    return raised.value


def _message(error: Exception) -> str:
    """Return the message of an error: its own, or that of its record where the error is not of this package."""
    if hasattr(error, "code"):
        return str(error)
    record = build_error_record(
        error, node_id="n", attempts=1, trace_id="0" * 32, timestamp=datetime(2024, 1, 1, tzinfo=UTC)
    )
    return record["message"]


INVALID = _invalid_data()
EXAMPLES: dict[ErrorCode, tuple[Exception, dict[str, object]]] = {
    ErrorCode.NODE_TIMEOUT: (
        NodeTimeoutError(node="n", timeout_ms=5, elapsed_ms=6, scope="total"),
        {"node": "n", "timeout_ms": 5, "elapsed_ms": 6, "scope": "total"},
    ),
    ErrorCode.NODE_CANCELLED: (NodeCancellationError(node="n", reason="bye"), {"node": "n", "reason": "bye"}),
    ErrorCode.RETRY_EXHAUSTED: (
        RetryExhaustedError(node="n", attempts=3, last_error=OSError("password=x")),
        {"node": "n", "attempts": 3, "detail": "OSError"},
    ),
    ErrorCode.CIRCUIT_OPEN: (
        CircuitOpenError(node="n", retry_after_ms=None),
        {"node": "n", "again": "", "retry_after": "until reset() is called"},
    ),
    ErrorCode.BULKHEAD_FULL: (
        BulkheadFullError(node="n", max_concurrent=2, max_queued=1),
        {"node": "n", "max_concurrent": 2, "max_queued": 1},
    ),
    ErrorCode.RATE_LIMITED: (
        RateLimitedError(node="n", retry_after_ms=5),
        {"node": "n", "retry_after_ms": 5},
    ),
    ErrorCode.CALL_REFUSED: (CallRefusedError(node="n", detail="no"), {"node": "n", "detail": "no"}),
    ErrorCode.VALIDATION_FAILED: (INVALID, {"node": "n", "detail": f"ValidationError: {INVALID}"}),
    ErrorCode.INVALID_NODE_OUTPUT: (
        InvalidNodeOutputError(node="n", found="a list", fix="Return a dict."),
        {"node": "n", "found": "a list", "fix": "Return a dict."},
    ),
    ErrorCode.NODE_EXECUTION_FAILED: (KeyError("a"), {"node": "n", "detail": "KeyError: 'a'"}),
    ErrorCode.FALLBACK_FAILED: (
        FallbackError(node="n", primary_error=KeyError("a"), fallback_error=OSError("b")),
        {"node": "n", "detail": "KeyError", "fallback_detail": "OSError"},
    ),
    ErrorCode.RUN_TIMEOUT: (RunTimeoutError(timeout_ms=5, elapsed_ms=6), {"timeout_ms": 5, "elapsed_ms": 6}),
    ErrorCode.RUN_CANCELLED: (RunCancelledError(reason="bye"), {"reason": "bye"}),
    ErrorCode.RUN_BLOCKED: (RunBlockedError(nodes=("a", "b")), {"nodes": "'a', 'b'"}),
    ErrorCode.WORKFLOW_INVALID: (
        WorkflowDefinitionError(workflow="w", problems=("no steps",)),
        {"workflow": "w", "count": "1 problem", "problems": "\n  - no steps"},
    ),
    ErrorCode.WORKFLOW_UNKNOWN: (
        UnknownWorkflowError(workflow="w", hint="Register it."),
        {"workflow": "w", "hint": "Register it."},
    ),
    ErrorCode.RUN_NOT_FOUND: (RunNotFoundError(run_id="r"), {"run_id": "r"}),
    ErrorCode.RUN_STATE: (
        RunStateError(run_id="r", status="failed", problem="no"),
        {"run_id": "r", "status": "failed", "problem": "no"},
    ),
    ErrorCode.IDEMPOTENCY_CONFLICT: (
        IdempotencyConflictError(key="k", run_id="r", differing=("inputs", "tenant")),
        {"key": "k", "run_id": "r", "differing": "inputs and tenant"},
    ),
    ErrorCode.KEY_NOT_FOUND: (UnknownKeyError(key_id="k"), {"key_id": "k"}),
    ErrorCode.RUN_FAILED: (
        RunFailedError(run_id="r", workflow="w", status="failed", detail="no"),
        {"run_id": "r", "workflow": "w", "ended": "failed", "detail": "no"},
    ),
    ErrorCode.LEASE_LOST: (LeaseLostError(run_id="r", fence=3), {"run_id": "r", "fence": 3}),
    ErrorCode.WORKFLOW_CHANGED: (
        WorkflowChangedError(workflow="w", removed=("a",), added={}),
        {"workflow": "w", "difference": "it has no step 'a' any more"},
    ),
    ErrorCode.RECOVERY_EXHAUSTED: (
        RecoveryExhaustedError(run_id="r", deaths=3, steps=("a", "b")),
        {"run_id": "r", "deaths": 3, "steps": "step 'a' and step 'b'"},
    ),
    ErrorCode.ARTIFACT_FAILED: (ArtifactError(name="a", problem="gone"), {"name": "a", "problem": "gone"}),
    ErrorCode.ARTIFACT_UNAVAILABLE: (
        ArtifactUnavailableError(name="a.txt", problem="no answer."),
        {"name": "a.txt", "problem": "no answer."},
    ),
    ErrorCode.ARCHIVE_FAILED: (
        ArchiveError(path=Path("a.zip"), problem="gone"),
        {"path": "a.zip", "problem": "gone"},
    ),
    ErrorCode.STORE_UNAVAILABLE: (
        StoreUnavailableError(store="s", run_id="r", detail="no"),
        {"store": "s", "run_id": "r", "detail": "no"},
    ),
    ErrorCode.SCHEMA_VERSION: (
        SchemaVersionError(found="12", known="13", fix="Migrate it."),
        {"found": "schema 12", "known": "13", "fix": "Migrate it."},
    ),
    ErrorCode.SERVICE_UNREACHABLE: (
        ServiceUnreachableError(url="u", detail="no."),
        {"url": "u", "detail": "no"},
    ),
    ErrorCode.SERVICE_INVALID: (ServiceInvalidError(url="u", detail="no."), {"url": "u", "detail": "no"}),
    ErrorCode.SERVICE_REFUSED: (
        ServiceRefusedError(url="u", detail="no", reason="FORBIDDEN", status=403),
        {"detail": "no"},
    ),
    **{
        kind.code: (kind("a.json", "no"), {"path": "a.json", "problem": "no"})
        for kind in (CheckpointError, *CheckpointError.__subclasses__())
    },
}


@pytest.mark.req("N-24")
def test_every_code_has_a_template() -> None:
    """A code is its own value, so it is the same in JSON."""
    assert set(MESSAGE_TEMPLATES) == set(ErrorCode)
    assert all(code.value == code.name for code in ErrorCode)


@pytest.mark.req("N-24")
@pytest.mark.parametrize("code", ErrorCode)
def test_the_error_of_a_code_renders_its_template(code: ErrorCode) -> None:
    """The message of each error comes from the template."""
    error, fields = EXAMPLES[code]
    assert getattr(error, "code", code) == code
    assert _message(error) == render_message(code, **fields)


@pytest.mark.req("N-24")
def test_a_missing_field_of_a_template_is_an_error() -> None:
    """A message never has an empty placeholder."""
    with pytest.raises(KeyError):
        render_message(ErrorCode.NODE_CANCELLED, node="n")


@pytest.mark.req("N-24")
def test_templates_cannot_be_changed_by_accident() -> None:
    """All nodes share them."""
    with pytest.raises(TypeError):
        MESSAGE_TEMPLATES[ErrorCode.NODE_TIMEOUT] = "x"  # type: ignore[index] # the test is about it
