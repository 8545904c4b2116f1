"""Errors of the engine as plain values and back: the service answers with them, and the client raises them again."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.errors import (
    ArtifactError,
    ArtifactUnavailableError,
    IdempotencyConflictError,
    RunNotFoundError,
    RunStateError,
    StoreUnavailableError,
)
from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.workflow.errors import (
    ChangeRequestError,
    UnknownStepError,
    UnknownWorkflowError,
    WorkflowError,
    WorkflowInputError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["attributes_of", "error_of"]

_ATTRIBUTES: Final[Mapping[type[NodeRunnerError], tuple[str, ...]]] = MappingProxyType(
    {
        RunNotFoundError: ("run_id",),
        RunStateError: ("run_id", "status"),
        IdempotencyConflictError: ("key", "run_id", "differing"),
        ArtifactError: ("name",),
        ArtifactUnavailableError: ("name",),
        StoreUnavailableError: ("store", "run_id"),
        UnknownWorkflowError: ("workflow",),
        UnknownStepError: ("workflow", "step"),
        WorkflowInputError: ("workflow",),
        ChangeRequestError: ("workflow", "type"),
    }
)
"""The errors that travel, each with its attributes."""
_SECRET: Final = frozenset({"store"})
"""Attributes that say where the server keeps its data; they stay there."""
_BY_NAME: Final = MappingProxyType({kind.__name__: kind for kind in _ATTRIBUTES})
_BY_CODE: Final[Mapping[str, type[NodeRunnerError]]] = MappingProxyType(
    {
        ErrorCode.RUN_NOT_FOUND: RunNotFoundError,
        ErrorCode.RUN_STATE: RunStateError,
        ErrorCode.IDEMPOTENCY_CONFLICT: IdempotencyConflictError,
        ErrorCode.ARTIFACT_FAILED: ArtifactError,
        ErrorCode.ARTIFACT_UNAVAILABLE: ArtifactUnavailableError,
        ErrorCode.STORE_UNAVAILABLE: StoreUnavailableError,
        ErrorCode.WORKFLOW_UNKNOWN: UnknownWorkflowError,
        ErrorCode.VALIDATION_FAILED: WorkflowError,
    }
)
"""For an answer that names no class."""


def attributes_of(error: NodeRunnerError) -> dict[str, str | list[str]]:
    """What `error_of()` needs beside the message to build the same error; empty for an error that does not travel."""
    names = _ATTRIBUTES.get(type(error), ())
    values = {name: getattr(error, name) for name in names if name not in _SECRET}
    return {name: value if isinstance(value, str) else [*map(str, value)] for name, value in values.items()}


def error_of(
    code: str, name: str | None, message: str, attributes: Mapping[str, Any]
) -> NodeRunnerError | None:
    """Build an error again.

    Args:
        code: Its stable code.
        name: Its class; None or an unknown name for the class that the code stands for.
        message: Its text.
        attributes: From `attributes_of()`. A missing one is an empty text.

    Returns:
        The error; None if the engine raises no error with this code.
    """
    kind = _BY_NAME.get(name or "") or _BY_CODE.get(code)
    if kind is None or kind.code != code:
        return None
    error = kind.__new__(kind, message)
    for each in _ATTRIBUTES.get(kind, ()):
        value = attributes.get(each, "")
        setattr(error, each, tuple(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
    return error
