"""`SyncRunEngine`: the engine for scripts and notebooks. Written by `tools/sync_engine.py`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langgraph_runner.engine.blocking import Blocking, BlockingEngine
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from langgraph_runner.engine.maintenance.archiving import RunArchive
    from langgraph_runner.engine.models import (
        Run,
        RunEvent,
        RunPlan,
        RunStatus,
        RunStep,
        RunSummary,
    )
    from langgraph_runner.engine.options import TriggerOptions
    from langgraph_runner.engine.reading.workers import WorkerOverview
    from langgraph_runner.engine.worker.workload import TakesOn
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import (
        ArtifactRef,
        Blueprint,
        ChangeRequest,
        FailureMode,
        StepStatus,
        WorkflowRegistry,
    )
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["SyncRunEngine", "SyncRunMethods"]


class SyncRunMethods(Blocking):
    """The methods of `SyncRunEngine` and `SyncRunClient`."""

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
        """Create a run. It is durable when this returns, and some engine will run it.

        Args:
            workflow: The id of the workflow.
            inputs: The inputs as their model or as JSON values; they are validated first.
            tenant: The tenant of the run.
            idempotency_key: Reusing a key for the same workflow and tenant returns the existing run; a request that
                differs raises.
            priority: Waiting runs of a tenant start in the order of their priority, the highest first.
            failure_mode: What a failed step does to branches that do not need it: `continue` or `fail_fast`.
            max_concurrency: How many steps of the run may run at once, at least 1; None for the engine's limit.
            run_timeout_ms: The time limit of the whole run, from its start.
            force: Ids of steps that run even if their results are cached. Their dependents use the cache as usual,
                and later runs get the new results.
            use_cache: False runs every step as if the cache were empty; results are stored nevertheless.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256. Updates and retries of the run keep its tags and metadata unless they get their own.
            metadata: JSON values that are kept with the run: up to 16 KB.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs are not valid. No run was created.
            IdempotencyConflictError: The key was used before, for another request.
            ValueError: An option is out of its range.
        """
        return self._call(
            self._engine.trigger(
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
        """Create a run with `trigger()`, and wait for its end. With `raise_on_failure`, a failed run raises.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        return self._call(self._engine.run(workflow, inputs, raise_on_failure=raise_on_failure, **options))

    def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Create a run that applies `change` to a completed run and reuses all steps that the change does not affect.

        Args:
            base_run_id: A completed run. It is not changed.
            change: A change that the workflow declares.
            **options: Options of `trigger()`; the new run inherits the others from the base run.

        Raises:
            RunNotFoundError: The tenant has no such run, or it was deleted meanwhile. No run was created.
            RunStateError: The run has not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload is not valid.
        """
        return self._call(self._engine.trigger_update(base_run_id, change, **options))

    def update(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Create a run with `trigger_update()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return self._call(
            self._engine.update(base_run_id, change, raise_on_failure=raise_on_failure, **options)
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
        """Return what `update()` would do with each step, and why. Nothing runs and nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run has not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload is not valid.
        """
        return self._call(
            self._engine.plan(base_run_id, change, tenant=tenant, force=force, use_cache=use_cache)
        )

    def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run as a new run, which reuses all completed steps.

        Raises:
            RunNotFoundError: The tenant has no such run, or it was deleted meanwhile. No run was created.
            RunStateError: The run has neither failed nor been cancelled.
            WorkflowInputError: The inputs are not valid for the current workflow. No run was created.
        """
        return self._call(self._engine.trigger_retry(run_id, **options))

    def retry(self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]) -> Run:
        """Create a run with `trigger_retry()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return self._call(self._engine.retry(run_id, raise_on_failure=raise_on_failure, **options))

    def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Cancel a run for good. Its running steps get the abort signal; all other steps are cancelled.

        A run that has ended stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `reason` is not text of up to 2,000 characters.
        """
        return self._call(self._engine.cancel(run_id, tenant=tenant, reason=reason))

    def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """Return a run, with the number of its steps by status.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return self._call(self._engine.get_run(run_id, tenant=tenant))

    def get_run_steps(
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
        return self._call(self._engine.get_run_steps(run_id, tenant=tenant, status=status))

    def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of a step, as its type.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        return self._call(self._engine.get_output(run_id, step, tenant=tenant))

    def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the output of a step as JSON, even if the engine does not have the workflow.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: The run has no such step, or the step has no output.
        """
        return self._call(self._engine.get_output_json(run_id, step, tenant=tenant))

    def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of the workflow's `result` step, or of its only final step, as its type.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunFailedError: The run failed or was cancelled.
            RunStateError: The run has not ended.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The engine does not have the workflow of the run.
        """
        return self._call(self._engine.get_result(run_id, tenant=tenant))

    def get_run_artifacts(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, list[ArtifactRef]]:
        """Return the files of a run, by the step that has saved them.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        return self._call(self._engine.get_run_artifacts(run_id, tenant=tenant))

    def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the content of a file, checked against its hash.

        Raises:
            ArtifactError: No run of the tenant has the file, or it is missing or damaged.
            ArtifactUnavailableError: The storage of the file does not answer.
        """
        return self._call(self._engine.read_artifact(artifact, tenant=tenant))

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
        return self._call(
            self._engine.list_runs(
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
        """Return the engines of all processes, and how many runs of all tenants wait.

        An engine reports a second after its start, and then every 5 seconds.

        Args:
            tenant: The tenant whose runs are shown with their ids.
        """
        return self._call(self._engine.get_workers(tenant=tenant))

    def describe_workflows(self) -> list[WorkflowDescription]:
        """Return the workflows as plain values: steps, dependencies, changes, and the schema of the inputs."""
        return self._call(self._engine.describe_workflows())

    def describe_workflow(self, name: str) -> WorkflowDescription:
        """Return one workflow as plain values.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
        """
        return self._call(self._engine.describe_workflow(name))

    def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Validate inputs as `trigger()` does, and reject fields that their model would drop. No run is created.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
            WorkflowInputError: The inputs are not valid, or have a field that the model neither has nor allows.
        """
        self._call(self._engine.check_inputs(workflow, inputs))

    def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run has ended, in whatever process it runs. A step that waits lends its slot meanwhile.

        Raises:
            RunNotFoundError: The tenant has no such run.
            TimeoutError: The run has not ended in time. It continues.
            StoreUnavailableError: The database keeps the run from continuing: its file or a table is missing, or it
                has failed for a minute. The run resumes if the database comes back.
        """
        return self._call(self._engine.wait(run_id, tenant=tenant, timeout_ms=timeout_ms))

    def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> Generator[RunEvent, None, None]:
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
        return self._iterated(self._engine.events(run_id, tenant=tenant, after=after, follow=follow))


class SyncRunEngine(BlockingEngine, SyncRunMethods):
    """Every method of `RunEngine`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `RunEngine.sync(...)`. Close it, or use it as `with`.
    """

    def trigger_resume(self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False) -> Run:
        """Resume a waiting or orphaned run in this engine.

        Args:
            run_id: The run.
            tenant: The tenant of the run.
            wait: What to do if another process holds the lease: False raises; True claims the run when its lease
                expires, if that happens. An engine with `take_on("none")` raises in any case.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run has ended, or another process holds its lease.
            UnknownWorkflowError: The engine does not have the workflow.
        """
        return self._call(self._engine.trigger_resume(run_id, tenant=tenant, wait=wait))

    def resume(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False, raise_on_failure: bool = False
    ) -> Run:
        """Resume a run with `trigger_resume()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return self._call(
            self._engine.resume(run_id, tenant=tenant, wait=wait, raise_on_failure=raise_on_failure)
        )

    def prune(self, *, older_than: timedelta, tenant: str | None = None) -> int:
        """Delete runs that ended at least `older_than` ago, with their cache entries, and expired cache entries.

        Files that no run refers to are deleted, too, once they are a day old, and so are files that a killed process
        has left half written. No file is deleted if several databases share the artifact store.

        Args:
            older_than: How long ago the runs ended at least; not negative.
            tenant: The tenant; None for all tenants.

        Returns:
            How many runs were deleted.

        Raises:
            ValueError: `older_than` is negative.
        """
        return self._call(self._engine.prune(older_than=older_than, tenant=tenant))

    def archive(
        self, folder: Path | str, *, older_than: timedelta, tenant: str | None = None
    ) -> RunArchive | None:
        """Move runs that ended at least `older_than` ago to a new file in `folder`, with their outputs and files.

        Their cache entries expire, as with `prune()`. A process that is killed meanwhile loses no run.

        Args:
            folder: The folder of the archive; it is created if it is missing.
            older_than: How long ago the runs ended at least; not negative.
            tenant: The tenant; None for all tenants.

        Returns:
            The archive; None if no run is old enough.

        Raises:
            ValueError: `older_than` is negative.
            ArchiveError: The file cannot be written. Nothing was deleted.
        """
        return self._call(self._engine.archive(folder, older_than=older_than, tenant=tenant))

    def restore(self, path: Path | str, *, tenant: str | None = None) -> int:
        """Restore the runs of an archive. Runs that exist stay as they are.

        The cache does not serve their results again, but updates and retries of the runs reuse them. A restored run
        loses its idempotency key if a later run has the same key.

        Args:
            path: A file that `archive()` has made.
            tenant: The tenant; None for the runs of all tenants.

        Returns:
            How many runs were restored.

        Raises:
            ArchiveError: The file cannot be read, is not an archive, is damaged, or is of a later release.
        """
        return self._call(self._engine.restore(path, tenant=tenant))

    def take_on(self, runs: TakesOn) -> None:
        """Set which runs this engine runs: `all` (the default), its `own`, or `none`.

        Its own are those that it triggers or resumes: the choice for a program that starts one run and ends. With
        `none`, the engine is a client: the runs that it triggers wait for other engines.
        """
        self._engine.take_on(runs)

    def start(self) -> None:
        """Start to serve now rather than with the first call: claim waiting and orphaned runs."""
        self._call(self._engine.start())

    def drain(self, timeout_ms: float | None = None) -> bool:
        """Claim no further runs, and wait until the running ones have ended. `close()` hands the rest back.

        Runs that are triggered from now on wait for other engines. A drain cannot be undone.

        Args:
            timeout_ms: How long to wait, above 0; None for any time.

        Returns:
            Whether all runs of this engine have ended.

        Raises:
            ValueError: `timeout_ms` is not above 0.
        """
        return self._call(self._engine.drain(timeout_ms))

    @property
    def workflows(self) -> WorkflowRegistry:
        """The workflows that this engine can run."""
        return self._engine.workflows

    def artifact_path(self, artifact: ArtifactRef) -> Path:
        """Return the path of a file on this machine. The file is named by its content: do not change it.

        Raises:
            ArtifactError: The reference is not valid, or files are kept elsewhere, such as in S3.
        """
        return self._engine.artifact_path(artifact)

    def list_workflows(self) -> list[Blueprint]:
        """Return the workflows that this engine can run."""
        return self._call(self._engine.list_workflows())

    def get_workflow(self, name: str) -> Blueprint:
        """Return a workflow by its id.

        Raises:
            UnknownWorkflowError: The engine does not have the workflow.
        """
        return self._call(self._engine.get_workflow(name))
