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
    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.workflow import (
        ArtifactRef,
        ChangeRequest,
        FailureMode,
        StepStatus,
    )
    from langgraph_runner.workflow.definition.describing import WorkflowDescription

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
        """Make a run, and have the service run it. When this returns it is durable.

        Args:
            workflow: Its id.
            inputs: As its model, or as JSON values; checked first.
            tenant: Whose run it is.
            idempotency_key: Reusing a key for an equal call returns the existing run; a call that differs is refused.
                None makes a key for this call, so that a lost answer does not lead to a second run.
            priority: Waiting runs start in the order of their priority, the highest first.
            failure_mode: What a failed step does to branches that do not need it: `continue`, or `fail_fast`.
            max_concurrency: How many of its steps may run at once, at least 1; None for as many as the engine allows.
            run_timeout_ms: Limit of the whole run, from its start.
            force: Ids of steps that run even if the cache knows their results.
            use_cache: False runs every step, as if the cache were empty; results are stored all the same.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256.
            metadata: JSON values that are kept with the run: up to 16 KB.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs do not fit. No run was made.
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
        """`trigger()`, and `wait()` for its end. A failed run is returned, unless `raise_on_failure` is True.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        return self._call(self._client.run(workflow, inputs, raise_on_failure=raise_on_failure, **options))

    def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Make a run that differs from a completed one by `change`: what the change does not touch is reused.

        Args:
            base_run_id: A completed run. It is not changed.
            change: One that its workflow knows.
            **options: As of `trigger()`; the new run keeps those of the base run that are not given.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is not completed.
            ChangeRequestError: Its workflow does not know the change, or the payload does not fit.
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
        """`trigger_update()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
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
        """What `update()` would do with each step, and why. Nothing runs, nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is not completed.
            ChangeRequestError: Its workflow does not know the change, or the payload does not fit.
        """
        return self._call(
            self._client.plan(base_run_id, change, tenant=tenant, force=force, use_cache=use_cache)
        )

    def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run from where it stopped, as a new run: finished steps are reused.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It has not failed and was not cancelled.
            WorkflowInputError: Its inputs do not fit the workflow as it is now. No run was made.
        """
        return self._call(self._client.trigger_retry(run_id, **options))

    def retry(self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]) -> Run:
        """`trigger_retry()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
        return self._call(self._client.retry(run_id, raise_on_failure=raise_on_failure, **options))

    def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Ask for a run to be cancelled, for good. Running steps get the abort signal; the others are cancelled.

        A run that is over stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: The reason is not text of 1 to 2,000 characters.
        """
        return self._call(self._client.cancel(run_id, tenant=tenant, reason=reason))

    def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """A run, with the number of its steps by status.

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
        """The steps of a run in the workflow's order, all or those of a status.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: There is no such status.
        """
        return self._call(self._client.get_run_steps(run_id, tenant=tenant, status=status))

    def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """What a step of a run has delivered: as its type if the client has the workflow, else as JSON values.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: It has no such step, or the step has delivered nothing.
        """
        return self._call(self._client.get_output(run_id, step, tenant=tenant))

    def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """The same as JSON.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: It has no such step, or the step has delivered nothing.
        """
        return self._call(self._client.get_output_json(run_id, step, tenant=tenant))

    def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """The output of the workflow's `result` step, or of its only final step; see `get_output()`.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunFailedError: It has failed or was cancelled.
            RunStateError: It is not over.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The service does not have the workflow of the run.
        """
        return self._call(self._client.get_result(run_id, tenant=tenant))

    def get_run_artifacts(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, list[ArtifactRef]]:
        """The files of a run, by the step that has saved them. The `uri` of each is its address at the service.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return self._call(self._client.get_run_artifacts(run_id, tenant=tenant))

    def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """The content of a file of a tenant's run, checked against its hash.

        Raises:
            ArtifactError: The tenant has no such file, it is gone, or it is not what was kept.
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
        """Runs of a tenant, the newest first.

        Args:
            tenant: Whose.
            workflow: Only of this workflow.
            status: Only with this status, or one of these.
            id_prefix: Only runs whose id begins with this text.
            tags: Only runs with all of these tags, such as `{"customer": "acme"}`.
            created_after: Only runs made at this time, which needs a time zone, or later.
            created_before: Only runs made before this time.
            base_run_id: Only runs that were rebuilt from this run, or retry it.
            failed_step: Only runs in which the step of this id failed.
            error_contains: Only runs whose error record (its code, type, message or stack) has this text; ASCII
                letters match in either case.
            limit: At most so many: 1 to 1,000. More than 200 take several requests.
            before: Only those that come after this one in the list: the last of the page before, or its
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
        """The engines that run runs, in all processes of the service, and how many runs of all tenants wait.

        Args:
            tenant: The one of the API key.
        """
        return self._call(self._client.get_workers(tenant=tenant))

    def describe_workflows(self) -> list[WorkflowDescription]:
        """The workflows that can be run, as plain values: steps, dependencies, changes, the schema of the inputs."""
        return self._call(self._client.describe_workflows())

    def describe_workflow(self, name: str) -> WorkflowDescription:
        """One workflow as plain values.

        Raises:
            UnknownWorkflowError: There is no workflow of this id.
        """
        return self._call(self._client.describe_workflow(name))

    def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Check inputs as `trigger()` does, and refuse fields that their model would drop. No run is made.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            WorkflowInputError: The inputs do not fit, or have a field that the model neither has nor allows.
        """
        self._call(self._client.check_inputs(workflow, inputs))

    def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run is over, wherever it runs. The service may be started again meanwhile.

        Raises:
            RunNotFoundError: The tenant has no such run.
            TimeoutError: It was not over in time. It goes on.
            StoreUnavailableError: The database of the service keeps the run from going on. The run goes on if the
                database comes back.
            ServiceUnreachableError: The service did not answer for `reconnect_ms`.
        """
        return self._call(self._client.wait(run_id, tenant=tenant, timeout_ms=timeout_ms))

    def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> Generator[RunEvent, None, None]:
        """What happens in a run, as it happens, until it is over. A broken connection loses and repeats no event.

        Args:
            run_id: The run.
            tenant: Whose.
            after: Only events with a greater number: that of the last one that was seen.
            follow: Whether to wait for more; False ends with what is there.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `after` is no number of an event.
            ServiceUnreachableError: The service did not answer for `reconnect_ms`.
        """
        return self._iterated(self._client.events(run_id, tenant=tenant, after=after, follow=follow))
