"""`RunReader`: the methods of `RunEngine` that read runs."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine import checks
from langgraph_runner.engine.checks import DEFAULT_TENANT, of_kind, statuses, whole
from langgraph_runner.engine.errors import ArtifactError, RunNotFoundError, StoreUnavailableError
from langgraph_runner.engine.models import Run, RunEvent, RunStatus, RunStep, RunSummary, at, summary_of
from langgraph_runner.engine.reading.cursors import place_in_list
from langgraph_runner.engine.reading.store_outputs import StoreOutputs, find_output
from langgraph_runner.engine.reading.workers import WorkerOverview
from langgraph_runner.engine.run.slots import lend_slot
from langgraph_runner.engine.store import queries
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.runtime.waiting import timeout
from langgraph_runner.workflow import ArtifactRef, StepStatus
from langgraph_runner.workflow.description import WorkflowDescription
from langgraph_runner.workflow.values.off_loop import (
    LARGE_BYTES,
    MANY_ROWS,
    is_large,
    read_json,
    run_off_loop,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from langgraph_runner.engine.artifacts.files import ArtifactFiles
    from langgraph_runner.engine.cache.tiers import TieredCache
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.records import RunRow
    from langgraph_runner.engine.worker.worker import Worker
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import Blueprint, WorkflowRegistry

__all__ = ["RUN_ID", "RunReader"]

RowT = TypeVar("RowT")
ModelT = TypeVar("ModelT")
RUN_ID: Final = "the `id` of a run"
_ARTIFACT: Final = "one that get_run_artifacts() gives"
_EVENTS_PAGE: Final = 500
_ENDS: Final = frozenset(f"run_{status}" for status in RunStatus if status.is_over)
"""The types of events that are the last of their run."""
_MAX_SEQ: Final = 2**63 - 1


class RunReader:
    """The part of `RunEngine` that reads runs and changes none."""

    def __init__(self, host: Host, worker: Worker) -> None:
        self._host = host
        self._store = host.store
        self._worker = worker
        self._outputs = StoreOutputs(host.store, host.workflows)

    @property
    def workflows(self) -> WorkflowRegistry:
        """The workflows that this engine can run."""
        return self._host.workflows

    @property
    def store(self) -> RunStore:
        """The database, for code that extends the engine, such as the service."""
        return self._store

    @property
    def step_cache(self) -> TieredCache:
        """The cache, for code that extends the engine: whether the hot tier works, and how often it has failed."""
        return self._host.cache

    @property
    def metrics_collector(self) -> NodeMetricsCollector | None:
        """The collector to which steps report."""
        return self._host.collector

    async def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """Return a run, with the number of its steps by status.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return await self._as_run(await self._row(run_id, tenant))

    async def get_run_steps(
        self,
        run_id: str,
        *,
        tenant: str = DEFAULT_TENANT,
        status: StepStatus | str | Iterable[str] | None = None,
    ) -> list[RunStep]:
        """Return the steps of a run in the workflow's order: all, or those with one of some statuses.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: A status is unknown.
        """
        await self._check_run(run_id, tenant)
        rows = await self._store.read(queries.steps_of, tenant, run_id, statuses(status, StepStatus))
        return await _models(RunStep.of, rows)

    async def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of a step, as its type.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        workflow, data = await self._output(run_id, step, tenant)
        return await read_json(self.workflows.get_workflow(workflow).steps[step].output.load, data)

    async def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the output of a step as JSON, even if the engine does not have the workflow.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        _, data = await self._output(run_id, step, tenant)
        return data

    async def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of the workflow's `result` step, or of its only final step, as its type.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunFailedError: The run failed or was cancelled.
            RunStateError: The run has not ended.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The engine does not have the workflow of the run.
        """
        run = (await self.get_run(run_id, tenant=tenant)).raise_for_status()
        step = self.workflows.get_workflow(run.workflow).result_step
        return await self.get_output(run_id, step, tenant=tenant)

    async def get_run_artifacts(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT
    ) -> dict[str, list[ArtifactRef]]:
        """Return the files of a run, by the step that has saved them.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        await self._check_run(run_id, tenant)
        return await self._store.read(queries.run_artifacts, tenant, run_id)

    async def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the content of a file, checked against its hash.

        Raises:
            ArtifactError: No run of the tenant has the file, or it is missing or damaged.
            ArtifactUnavailableError: The storage of the file does not answer.
        """
        of_kind(artifact, ArtifactRef, field="artifact", fix=_ARTIFACT)
        self._worker.start()
        if not await self._store.read(queries.has_artifact, tenant, artifact.sha256):
            raise ArtifactError(name=artifact.name, problem="no run of the tenant has such a file.")
        return await asyncio.to_thread(self._host.artifacts.read, artifact)

    @property
    def artifact_files(self) -> ArtifactFiles:
        """The files, for code that extends the engine, such as the service."""
        return self._host.artifacts

    def artifact_path(self, artifact: ArtifactRef) -> Path:
        """Return the path of a file on this machine. The file is named by its content: do not change it.

        Raises:
            ArtifactError: The reference is not valid, or files are kept elsewhere, such as in S3.
        """
        of_kind(artifact, ArtifactRef, field="artifact", fix=_ARTIFACT)
        return self._host.artifacts.path(artifact)

    async def list_runs(
        self,
        *,
        tenant: str = DEFAULT_TENANT,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[str] | None = None,
        id_prefix: str | None = None,
        tags: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        base_run_id: str | None = None,
        failed_step: str | None = None,
        error_contains: str | None = None,
        limit: int = 50,
        before: RunSummary | tuple[datetime, str] | None = None,
    ) -> list[RunSummary]:
        """Return runs of a tenant, the newest first, without their inputs and metadata: `get_run()` has them.

        Args:
            tenant: The tenant.
            workflow: Only runs of this workflow.
            status: Only runs with this status, or one of these.
            id_prefix: Only runs whose id begins with this text.
            tags: Only runs with all of these tags, such as `{"customer": "acme"}`.
            created_after: Only runs created at this time or later; it needs a time zone.
            created_before: Only runs created before this time; it needs a time zone, too.
            base_run_id: Only runs that were rebuilt from this run, or retry it.
            failed_step: Only runs in which the step of this id failed.
            error_contains: Only runs whose error record (its code, type, message or stack) contains this text; ASCII
                letters match in either case.
            limit: The largest number of runs: 1 to 1,000.
            before: Only runs after this one in the list: the last run of the previous page, or its
                `(created_at, id)`.

        Raises:
            ValueError: A status is unknown, or an argument is out of its range.
        """
        whole(limit, 1, 1_000, field="limit")
        for field, asked_text in (
            ("base_run_id", base_run_id),
            ("failed_step", failed_step),
            ("error_contains", error_contains),
        ):
            if asked_text is not None:
                checks.text(asked_text, checks.MAX_REASON, field=field)
        asked = statuses(status, RunStatus)
        last = place_in_list(before)
        rows = await self._store.read(
            queries.runs_page,
            tenant,
            workflow=workflow,
            statuses=asked,
            id_prefix=id_prefix,
            tags=None if tags is None else checks.tags(tags),
            created_from=checks.moment_ms(created_after, field="created_after"),
            created_before=checks.moment_ms(created_before, field="created_before"),
            base_run_id=base_run_id,
            failed_step=failed_step,
            error_contains=error_contains,
            before=last,
            limit=limit,
        )
        return await _models(summary_of, rows)

    async def get_workers(self, *, tenant: str = DEFAULT_TENANT) -> WorkerOverview:
        """Return the engines of all processes, and how many runs of all tenants wait.

        An engine reports a second after its start, and then every 5 seconds.

        Args:
            tenant: The tenant whose runs are shown with their ids.
        """
        return WorkerOverview.of(await self._store.read(queries.summarize_workers, tenant))

    async def list_workflows(self) -> list[Blueprint]:
        """Return the workflows that this engine can run."""
        return self.workflows.list_workflows()

    async def get_workflow(self, name: str) -> Blueprint:
        """Return a workflow by its id.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
        """
        return self.workflows.get_workflow(name)

    async def describe_workflows(self) -> list[WorkflowDescription]:
        """Return the workflows as plain values: steps, dependencies, changes, and the schema of the inputs."""
        return [await _described(blueprint) for blueprint in self.workflows.list_workflows()]

    async def describe_workflow(self, name: str) -> WorkflowDescription:
        """Return one workflow as plain values.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
        """
        return await _described(self.workflows.get_workflow(name))

    async def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Validate inputs as `trigger()` does, and reject fields that their model would drop. No run is created.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
            WorkflowInputError: The inputs are not valid, or have a field that the model neither has nor allows.
        """
        blueprint = self.workflows.get_workflow(workflow)

        def check() -> None:
            blueprint.inputs.check(inputs)
            blueprint.inputs.refuse_unknown_fields(inputs)

        await run_off_loop(check) if is_large(inputs) else check()

    async def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run has ended, in whatever process it runs. A step that waits lends its slot meanwhile.

        Raises:
            RunNotFoundError: The tenant has no such run.
            TimeoutError: The run has not ended in time. It continues.
            StoreUnavailableError: The database keeps the run from continuing: its file or a table is missing, or it
                has failed for a minute. The run resumes if the database comes back.
        """
        of_kind(run_id, str, field="run_id", fix=RUN_ID)
        limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
        try:
            limit_s = None if limit_ms is None else limit_ms / 1000
            async with timeout(limit_s, self._host.runtime), lend_slot(self._host.slots):
                return await self._end_of(run_id, tenant)
        except TimeoutError as error:
            raise TimeoutError(
                f"Run '{run_id}' did not end within {limit_ms:,.0f} ms; it continues."
            ) from error

    async def _end_of(self, run_id: str, tenant: str) -> Run:
        while True:
            row = await self._worker.ended(run_id, tenant)
            try:
                row = row or await self._row(run_id, tenant)
            except (DBAPIError, StoreUnavailableError) as error:  # Raised below if it lasts.
                self._worker.health.note_interruption(run_id, error)
            if row is not None and RunStatus(row.status).is_over:
                self._worker.health.forget(run_id)
                return await self._as_run(row)
            await self._worker.health.check(run_id)
            await self._worker.pause()

    async def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> AsyncGenerator[RunEvent, None]:
        """Yield the events of a run as they happen, until it has ended.

        Args:
            run_id: The run.
            tenant: The tenant of the run.
            after: Only events with a greater number, such as that of the last event that was received.
            follow: Whether to wait for further events; False ends with the existing ones.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `after` is not the number of an event.
        """
        whole(after, 0, _MAX_SEQ, field="after")
        while True:
            is_over = (await self.get_run(run_id, tenant=tenant)).status.is_over
            found = await self._store.read(queries.events_after, tenant, run_id, after, _EVENTS_PAGE)
            for seq, kind, data, ms in found:
                after = seq
                is_over = is_over or kind in _ENDS  # It may have ended since its status was read.
                yield RunEvent(run_id=run_id, seq=seq, type=kind, data=json.loads(data), at=at(ms))
            if len(found) == _EVENTS_PAGE:
                continue
            if is_over or not follow:
                return
            await self._worker.changed(tenant, run_id, after)

    async def _output(self, run_id: str, step: str, tenant: str) -> tuple[str, bytes]:
        """Return the workflow of a run, and the output of a step as JSON."""
        of_kind(run_id, str, field="run_id", fix=RUN_ID)
        self._worker.start()
        return await self._store.read(find_output, tenant, run_id, step)

    async def _check_run(self, run_id: str, tenant: str) -> None:
        """Raise unless the tenant has the run. Its inputs, which may be long, are not read."""
        of_kind(run_id, str, field="run_id", fix=RUN_ID)
        self._worker.start()
        if await self._store.read(queries.status_of, tenant, run_id) is None:
            raise RunNotFoundError(run_id=run_id)

    async def _row(self, run_id: str, tenant: str) -> RunRow:
        of_kind(run_id, str, field="run_id", fix=RUN_ID)
        self._worker.start()
        row = await self._store.read(queries.run_by_id, tenant, run_id)
        if row is None:
            raise RunNotFoundError(run_id=run_id)
        return row

    async def _as_run(self, row: RunRow) -> Run:
        """Return the run of a row; long inputs are parsed outside the event loop."""
        run = partial(Run.of, row, self._outputs)
        is_long = len(row.inputs) + len(row.change_request or "") > LARGE_BYTES
        return await run_off_loop(run) if is_long else run()


async def _models(model_of: Callable[[RowT], ModelT], rows: Sequence[RowT]) -> list[ModelT]:
    """Return the models of some rows. Many are made off the event loop."""
    if len(rows) > MANY_ROWS:
        return await run_off_loop(lambda: [model_of(row) for row in rows])
    return [model_of(row) for row in rows]


async def _described(blueprint: Blueprint) -> WorkflowDescription:
    if len(blueprint.steps) > MANY_ROWS:
        return await run_off_loop(WorkflowDescription.of, blueprint)
    return WorkflowDescription.of(blueprint)
