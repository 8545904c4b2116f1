"""`SyncRunClient`: the client for scripts and notebooks. Written by `tools/sync_engine.py`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langgraph_runner.client.blocking import BlockingClient
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from datetime import datetime

    from langgraph_runner.engine.models import Run, RunEvent, RunPlan, RunStep
    from langgraph_runner.engine.options import TriggerOptions
    from langgraph_runner.engine.reading.workers import WorkerOverview
    from langgraph_runner.engine.status import RunStatus
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import (
        ArtifactRef,
        ChangeRequest,
        FailureMode,
        StepStatus,
    )
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["SyncRunClient"]


class SyncRunClient(BlockingClient):
    """Every method of `RunClient`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `RunClient.sync(...)`. Close it, or use it as `with`.
    """

    def trigger(
        self,
        workflow: str,
        inputs: Any = None,
        *,
        tenant: str = DEFAULT_TENANT,
        idempotency_key: str | None = None,
        priority: int = 0,
        failure_mode: FailureMode = "continue",
        max_concurrency: int | None = None,
        run_timeout_ms: TimeoutLike | None = None,
        force: Iterable[str] = (),
        use_cache: bool = True,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Run:
        """Create a run, which the service runs. The run is durable when this returns.

        Args:
            workflow: The id of the workflow.
            inputs: The inputs as a value of their model, or as JSON values. They are checked first.
            tenant: The tenant that owns the run.
            idempotency_key: Reusing a key for an equal call returns the existing run; a call that differs is refused.
                None makes a key for this call, so that a lost response does not lead to a second run.
            priority: Waiting runs start in order of priority, the highest first.
            failure_mode: What a failed step does to branches that do not depend on it: `continue` or `fail_fast`.
            max_concurrency: How many steps of the run may run at once, at least 1; None for the limit of the engine.
            run_timeout_ms: The time limit of the whole run from its start, in ms; None for no limit.
            force: Ids of steps that run even if their results are cached.
            use_cache: False runs every step, as if the cache were empty. New results are cached nevertheless.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256 characters.
            metadata: JSON values that are stored with the run, up to 16 KB.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs do not fit. No run was created.
            IdempotencyConflictError: The key was used before, for another request.
            ValueError: An option is out of its range.
        """
        return self._call(
            self._client.trigger(
                workflow,
                inputs,
                tenant=tenant,
                idempotency_key=idempotency_key,
                priority=priority,
                failure_mode=failure_mode,
                max_concurrency=max_concurrency,
                run_timeout_ms=run_timeout_ms,
                force=force,
                use_cache=use_cache,
                tags=tags,
                metadata=metadata,
            )
        )

    def run(
        self,
        workflow: str,
        inputs: Any = None,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Call `trigger()`, then `wait()`. A failed run is returned, unless `raise_on_failure` is True.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        return self._call(self._client.run(workflow, inputs, raise_on_failure=raise_on_failure, **options))

    def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Create a run that differs from a completed run by `change`. Steps that it does not affect are reused.

        Args:
            base_run_id: A completed run. It stays as it is.
            change: A change that the workflow declares.
            **options: The options of `trigger()`. Options that are not given are those of the base run.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run is not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload does not fit.
        """
        return self._call(self._client.trigger_update(base_run_id, change, **options))

    def update(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Call `trigger_update()`, then `wait()`; `raise_on_failure` as in `run()`."""
        return self._call(
            self._client.update(base_run_id, change, raise_on_failure=raise_on_failure, **options)
        )

    def plan(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        tenant: str = DEFAULT_TENANT,
        force: Iterable[str] = (),
        use_cache: bool = True,
    ) -> RunPlan:
        """Return what `update()` would do with each step, and why. Nothing runs, nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run is not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload does not fit.
        """
        return self._call(
            self._client.plan(base_run_id, change, tenant=tenant, force=force, use_cache=use_cache)
        )

    def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run from where it stopped, as a new run. Finished steps are reused.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run has neither failed nor been cancelled.
            WorkflowInputError: The inputs of the run do not fit the workflow as it is now. No run was created.
        """
        return self._call(self._client.trigger_retry(run_id, **options))

    def retry(self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]) -> Run:
        """Call `trigger_retry()`, then `wait()`; `raise_on_failure` as in `run()`."""
        return self._call(self._client.retry(run_id, raise_on_failure=raise_on_failure, **options))

    def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Cancel a run for good. Running steps get the abort signal; the other steps are cancelled.

        A run that has ended stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: The reason is not text of 1 to 2,000 characters.
        """
        return self._call(self._client.cancel(run_id, tenant=tenant, reason=reason))

    def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """Return a run, with the number of its steps by status.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return self._call(self._client.get_run(run_id, tenant=tenant))

    def get_run_steps(
        self,
        run_id: str,
        *,
        tenant: str = DEFAULT_TENANT,
        status: StepStatus | str | Iterable[str] | None = None,
    ) -> list[RunStep]:
        """Return the steps of a run in the order of the workflow: all, or those with a status.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: There is no such status.
        """
        return self._call(self._client.get_run_steps(run_id, tenant=tenant, status=status))

    def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of a step: as its type if the client has the workflow, else as JSON values.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        return self._call(self._client.get_output(run_id, step, tenant=tenant))

    def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the output of a step as JSON.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        return self._call(self._client.get_output_json(run_id, step, tenant=tenant))

    def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of the workflow's `result` step, or of its only final step; see `get_output()`.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunFailedError: The run failed or was cancelled.
            RunStateError: The run has not ended.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The service does not have the workflow of the run.
        """
        return self._call(self._client.get_result(run_id, tenant=tenant))

    def get_run_artifacts(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, list[ArtifactRef]]:
        """Return the artifacts of a run, by the step that saved them. Their `uri` is a URL of the service.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return self._call(self._client.get_run_artifacts(run_id, tenant=tenant))

    def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the content of an artifact, checked against its hash.

        Raises:
            ArtifactError: The tenant has no such artifact, its file is missing, or its content has changed.
        """
        return self._call(self._client.read_artifact(artifact, tenant=tenant))

    def list_runs(
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
        before: Run | tuple[datetime, str] | None = None,
    ) -> list[Run]:
        """Return the runs of a tenant, the newest first.

        Args:
            tenant: The tenant that owns the runs.
            workflow: Only runs of this workflow.
            status: Only runs with this status, or with one of these.
            id_prefix: Only runs whose id begins with this text.
            tags: Only runs with all of these tags, such as `{"customer": "acme"}`.
            created_after: Only runs created at this time or later. It needs a time zone.
            created_before: Only runs created before this time. It needs a time zone.
            base_run_id: Only runs that update or retry this run.
            failed_step: Only runs in which the step with this id failed.
            error_contains: Only runs whose error record (code, type, message or stack) contains this text; ASCII
                letters match in either case.
            limit: The maximum number of runs: 1 to 1,000. More than 200 take several requests.
            before: Only runs that follow this one in the list: the last run of the previous page, or its
                `(created_at, id)`.

        Raises:
            ValueError: There is no such status, or the limit is out of its range.
        """
        return self._call(
            self._client.list_runs(
                tenant=tenant,
                workflow=workflow,
                status=status,
                id_prefix=id_prefix,
                tags=tags,
                created_after=created_after,
                created_before=created_before,
                base_run_id=base_run_id,
                failed_step=failed_step,
                error_contains=error_contains,
                limit=limit,
                before=before,
            )
        )

    def get_workers(self, *, tenant: str = DEFAULT_TENANT) -> WorkerOverview:
        """Return the engines of all processes of the service, and how many runs of all tenants are waiting.

        Args:
            tenant: The tenant of the API key.
        """
        return self._call(self._client.get_workers(tenant=tenant))

    def describe_workflows(self) -> list[WorkflowDescription]:
        """Return the workflows as plain values: steps, dependencies, changes, the schema of the inputs."""
        return self._call(self._client.describe_workflows())

    def describe_workflow(self, name: str) -> WorkflowDescription:
        """Return one workflow as plain values.

        Raises:
            UnknownWorkflowError: There is no such workflow.
        """
        return self._call(self._client.describe_workflow(name))

    def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Check inputs as `trigger()` does, and refuse fields that their model would drop. No run is created.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            WorkflowInputError: The inputs do not fit, or have a field that the model neither has nor allows.
        """
        self._call(self._client.check_inputs(workflow, inputs))

    def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run ends, in whatever process. The service may restart meanwhile.

        Raises:
            RunNotFoundError: The tenant has no such run.
            TimeoutError: The run did not end in time. It continues.
            StoreUnavailableError: The run cannot continue because the database of the service is unavailable. It
                continues when the database is available again.
            ServiceUnreachableError: The service did not respond for `reconnect_ms`.
        """
        return self._call(self._client.wait(run_id, tenant=tenant, timeout_ms=timeout_ms))

    def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> Generator[RunEvent, None, None]:
        """Yield the events of a run, as they happen, until the run ends.

        No event is lost or repeated when the connection breaks.

        Args:
            run_id: The run.
            tenant: The tenant that owns the run.
            after: Only events with a higher number: that of the last event that was seen.
            follow: Whether to wait for further events; False stops after the events so far.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `after` is not the number of an event.
            ServiceUnreachableError: The service did not respond for `reconnect_ms`.
        """
        return self._iterated(self._client.events(run_id, tenant=tenant, after=after, follow=follow))
