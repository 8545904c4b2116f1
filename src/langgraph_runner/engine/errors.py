"""What can go wrong with runs, in one tree.

    EngineError               of langgraph_runner.errors.NodeRunnerError
    ├── RunNotFoundError      the tenant has no such run; also LookupError
    ├── RunStateError         the run is not in the state that this needs
    ├── IdempotencyConflictError  an idempotency key was used before, for another request; also ValueError
    ├── RunFailedError        a run has failed or was cancelled
    ├── LeaseLostError        somebody else has taken over the run
    ├── RecoveryExhaustedError  the processes that ran the run died again and again
    ├── StoreUnavailableError   the database keeps a run from going on
    ├── ArtifactError         a file that cannot be kept, or is not what it was
    │   └── ArtifactUnavailableError  the storage of a file does not answer
    └── SchemaVersionError    the database is of another release

Each has a stable `code` and survives pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message

if TYPE_CHECKING:
    from collections.abc import Sequence
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
]


class EngineError(NodeRunnerError):
    """The root of what can go wrong with runs."""


class RunNotFoundError(EngineError, LookupError):
    """The tenant has no such run.

    Attributes:
        run_id: What was asked for.
    """

    code = ErrorCode.RUN_NOT_FOUND

    def __init__(self, *, run_id: str) -> None:
        super().__init__(render_message(self.code, run_id=run_id))
        self.run_id = run_id


class RunStateError(EngineError):
    """The run is not in the state that this needs.

    Attributes:
        run_id: The run.
        status: The state that it is in.
    """

    code = ErrorCode.RUN_STATE

    def __init__(self, *, run_id: str, status: str, problem: str) -> None:
        super().__init__(render_message(self.code, run_id=run_id, status=status, problem=problem))
        self.run_id = run_id
        self.status = status


class IdempotencyConflictError(EngineError, ValueError):
    """An idempotency key was used before, for another request. No run was made.

    Attributes:
        key: The key.
        run_id: The run that was made with it.
        differing: What differs, such as `inputs`.
    """

    code = ErrorCode.IDEMPOTENCY_CONFLICT

    def __init__(self, *, key: str, run_id: str, differing: Sequence[str]) -> None:
        super().__init__(render_message(self.code, key=key, run_id=run_id, differing=" and ".join(differing)))
        self.key = key
        self.run_id = run_id
        self.differing = tuple(differing)


class RunFailedError(EngineError):
    """A run has failed or was cancelled. `Run.raise_for_status()` and `raise_on_failure=True` raise it.

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
        super().__init__(
            render_message(self.code, run_id=run_id, workflow=workflow, status=status, detail=detail)
        )
        self.run_id = run_id
        self.workflow = workflow
        self.status = status
        self.record = record


class LeaseLostError(EngineError):
    """Somebody else has taken over a run, because its lease had passed; what came late was refused.

    Attributes:
        run_id: The run.
        fence: The token that was held, which is not the newest any more.
    """

    code = ErrorCode.LEASE_LOST

    def __init__(self, *, run_id: str, fence: int) -> None:
        super().__init__(render_message(self.code, run_id=run_id, fence=fence))
        self.run_id = run_id
        self.fence = fence


class RecoveryExhaustedError(EngineError):
    """A run was given up, because the processes that ran it died again and again without progress.

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
    """A file that cannot be kept, or is not what it was.

    Attributes:
        name: What the step calls it.
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
    """The database does not answer a call, or keeps a run from going on: it refuses for good, or for a long time.

    Attributes:
        store: The URL of the database, without its password.
        run_id: The run that was waited for; empty for a call that was not answered.
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
    """The database is of another release, or holds no runs of this package.

    Attributes:
        found: The number of its last migration; None if it has no schema of this package.
        known: That of this release.
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
