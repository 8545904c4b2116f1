"""The errors of runs, in one tree, and their form as plain values.

    EngineError               of langgraph_runner.errors.NodeRunnerError
    ├── RunNotFoundError      the tenant has no such run; also LookupError
    ├── RunStateError         the status of the run does not allow the call
    ├── IdempotencyConflictError  an idempotency key was used before, for another request; also ValueError
    ├── RunFailedError        a run failed or was cancelled
    ├── LeaseLostError        another process has claimed the run
    ├── RecoveryExhaustedError  the processes that ran the run died again and again
    ├── StoreUnavailableError   the database does not answer, or keeps a run from continuing
    ├── ArtifactError         a file that cannot be stored, or is missing or damaged
    │   └── ArtifactUnavailableError  the storage of a file does not answer
    ├── ArchiveError          an archive that cannot be written or read
    └── SchemaVersionError    the database has the schema of another release

Each has a stable `code` and survives pickle. The service sends `attributes_of()` an error, and the client rebuilds
the error with `error_of()`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message
from langgraph_runner.workflow.errors import (
    ChangeRequestError,
    UnknownStepError,
    UnknownWorkflowError,
    WorkflowError,
    WorkflowInputError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from langgraph_runner.errors import NodeErrorRecord

__all__ = [
    "ArtifactError",
    "ArtifactUnavailableError",
    "EngineError",
    "IdempotencyConflictError",
    "LeaseLostError",
    "RecoveryExhaustedError",
    "RunFailedError",
    "RunNotFoundError",
    "RunStateError",
    "SchemaVersionError",
    "StoreUnavailableError",
    "attributes_of",
    "error_of",
]


class EngineError(NodeRunnerError):
    """The base class of the errors of runs."""


class RunNotFoundError(EngineError, LookupError):
    """The tenant has no such run.

    Attributes:
        run_id: The id that was asked for.
    """

    code = ErrorCode.RUN_NOT_FOUND

    def __init__(self, *, run_id: str) -> None:
        super().__init__(render_message(self.code, run_id=run_id))
        self.run_id = run_id


class RunStateError(EngineError):
    """The status of the run does not allow the call.

    Attributes:
        run_id: The run.
        status: Its status.
    """

    code = ErrorCode.RUN_STATE

    def __init__(self, *, run_id: str, status: str, problem: str) -> None:
        super().__init__(render_message(self.code, run_id=run_id, status=status, problem=problem))
        self.run_id = run_id
        self.status = status


class IdempotencyConflictError(EngineError, ValueError):
    """An idempotency key was used before, for another request. No run was created.

    Attributes:
        key: The key.
        run_id: The existing run with the key.
        differing: The parts of the request that differ, such as `inputs`.
    """

    code = ErrorCode.IDEMPOTENCY_CONFLICT

    def __init__(self, *, key: str, run_id: str, differing: Sequence[str]) -> None:
        super().__init__(render_message(self.code, key=key, run_id=run_id, differing=" and ".join(differing)))
        self.key = key
        self.run_id = run_id
        self.differing = tuple(differing)


class RunFailedError(EngineError):
    """A run failed or was cancelled. `Run.raise_for_status()` and `raise_on_failure=True` raise it.

    Attributes:
        run_id: The run.
        workflow: The id of its workflow.
        status: `failed` or `cancelled`.
        record: The record of the first step that failed, or of the run itself; None for a cancelled run.
    """

    code = ErrorCode.RUN_FAILED

    def __init__(
        self, *, run_id: str, workflow: str, status: str, detail: str, record: NodeErrorRecord | None = None
    ) -> None:
        ended = "was cancelled" if status == "cancelled" else status
        super().__init__(
            render_message(self.code, run_id=run_id, workflow=workflow, ended=ended, detail=detail)
        )
        self.run_id = run_id
        self.workflow = workflow
        self.status = status
        self.record = record


class LeaseLostError(EngineError):
    """Another process has claimed a run because its lease had expired. Later writes were refused.

    Attributes:
        run_id: The run.
        fence: The fencing token of the lost lease.
    """

    code = ErrorCode.LEASE_LOST

    def __init__(self, *, run_id: str, fence: int) -> None:
        super().__init__(render_message(self.code, run_id=run_id, fence=fence))
        self.run_id = run_id
        self.fence = fence


class RecoveryExhaustedError(EngineError):
    """A run failed because the processes that ran it died again and again without progress.

    Attributes:
        run_id: The run.
        deaths: How many processes have died in a row.
        steps: The steps that ran when the last one died: the likely causes.
    """

    code = ErrorCode.RECOVERY_EXHAUSTED

    def __init__(self, *, run_id: str, deaths: int, steps: Sequence[str]) -> None:
        named = " and ".join(f"step '{step}'" for step in steps) or "none of its steps"
        super().__init__(render_message(self.code, run_id=run_id, deaths=deaths, steps=named))
        self.run_id = run_id
        self.deaths = deaths
        self.steps = tuple(steps)


class ArtifactError(EngineError):
    """A file that cannot be stored, or is missing or damaged.

    Attributes:
        name: The name that the step gave it.
    """

    code = ErrorCode.ARTIFACT_FAILED

    def __init__(self, *, name: str, problem: str) -> None:
        super().__init__(render_message(self.code, name=name, problem=problem))
        self.name = name


class ArchiveError(EngineError):
    """An archive of runs that cannot be written or read.

    Attributes:
        path: The file.
    """

    code = ErrorCode.ARCHIVE_FAILED

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(render_message(self.code, path=path, problem=problem))
        self.path = path


class StoreUnavailableError(EngineError):
    """The database does not answer a call, or keeps a run from continuing: for good, or for a long time.

    Attributes:
        store: The URL of the database, without its password.
        run_id: The run for which `wait()` was called; empty for a call that was not answered.
    """

    code = ErrorCode.STORE_UNAVAILABLE

    def __init__(self, *, store: str, run_id: str = "", detail: str) -> None:
        message = f"The database {store} cannot be used: {detail}"
        if run_id:
            message = render_message(self.code, store=store, run_id=run_id, detail=detail)
        super().__init__(message)
        self.store = store
        self.run_id = run_id


class SchemaVersionError(EngineError):
    """The database has the schema of another release, or tables of another program.

    Attributes:
        found: The number of its last migration; None if it has no schema of this package.
        known: The number of this release's last migration.
    """

    code = ErrorCode.SCHEMA_VERSION

    def __init__(self, *, found: str | None, known: str, fix: str) -> None:
        what = "no schema of langgraph-runner" if found is None else f"schema {found}"
        super().__init__(render_message(self.code, found=what, known=known, fix=fix))
        self.found = found
        self.known = known


class ArtifactUnavailableError(ArtifactError):
    """The storage of a file does not answer, so it is not known whether the file is there. Try again later.

    Attributes:
        name: What the step calls the file.
    """

    code = ErrorCode.ARTIFACT_UNAVAILABLE


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
"""The errors that the service sends, each with its attributes."""
_SECRET: Final = frozenset({"store"})
"""Attributes that the service does not send: they show where it keeps its data."""
_BY_NAME: Final = MappingProxyType({kind.__name__: kind for kind in _ATTRIBUTES})
_BY_CODE: Final[Mapping[str, type[NodeRunnerError]]] = MappingProxyType(
    # Several classes have the code of a failed validation, so an answer without a name gets their base class.
    {str(kind.code): kind for kind in _ATTRIBUTES} | {ErrorCode.VALIDATION_FAILED: WorkflowError}
)
"""The classes for answers that name only a code."""


def attributes_of(error: NodeRunnerError) -> dict[str, str | list[str]]:
    """Return the attributes that `error_of()` needs; empty for an error that the service does not send."""
    names = _ATTRIBUTES.get(type(error), ())
    values = {name: getattr(error, name) for name in names if name not in _SECRET}
    return {name: value if isinstance(value, str) else [*map(str, value)] for name, value in values.items()}


def error_of(
    code: str, name: str | None, message: str, attributes: Mapping[str, Any]
) -> NodeRunnerError | None:
    """Build an error from plain values.

    Args:
        code: The stable code.
        name: The name of the class; None or an unknown name for the class of the code.
        message: The message.
        attributes: The values of `attributes_of()`. A missing one becomes an empty text.

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
