"""`RunEngine`: durable runs of workflows, in one process or in several that share a database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, Unpack

from langgraph_runner.engine import checks
from langgraph_runner.engine.artifacts.files import ArtifactFiles, open_artifact_store
from langgraph_runner.engine.artifacts.store import ArtifactStore
from langgraph_runner.engine.cache.tiers import HotTier, TieredCache
from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.engine.dispatch.dispatcher import Announcers, Dispatcher
from langgraph_runner.engine.dispatch.jobs import read_job
from langgraph_runner.engine.errors import RunNotFoundError, RunStateError
from langgraph_runner.engine.maintenance.archiving import archive_runs, restore_runs
from langgraph_runner.engine.maintenance.collecting import collect_files
from langgraph_runner.engine.models import Run, RunStatus
from langgraph_runner.engine.options import EngineOptions, RunOptions, TriggerOptions
from langgraph_runner.engine.reading.reader import RUN_ID, RunReader
from langgraph_runner.engine.run.host import Host
from langgraph_runner.engine.run.routing import StepRouter
from langgraph_runner.engine.run.slots import TenantSlots
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.commands import CancelRun, DeleteUnusedOutputs, Prune
from langgraph_runner.engine.store.records import NewRun
from langgraph_runner.engine.worker.worker import Worker
from langgraph_runner.errors.hints import refuse_unknown_options
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, as_runtimes
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow import ChangeRequest, UnknownWorkflowError, WorkflowRegistry
from langgraph_runner.workflow.values.off_loop import is_large, run_off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

    from sqlalchemy import URL

    from langgraph_runner.engine import SyncRunEngine
    from langgraph_runner.engine.maintenance.archiving import RunArchive
    from langgraph_runner.engine.models import RunPlan
    from langgraph_runner.engine.rebuild.base_run import BaseRun, Reuse
    from langgraph_runner.engine.store.backends import StoreBackend
    from langgraph_runner.engine.worker.workload import TakesOn
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.runtime.runtimes import Runtimes
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import (
        Blueprint,
        FailureMode,
        Workflow,
        WorkflowSpec,
    )

__all__ = ["RunEngine"]

P = ParamSpec("P")
_POLL_MS: Final = 1_000
_POLL_WITH_DISPATCH_MS: Final = 5_000


class RunEngine(RunReader):
    """Runs workflows durably. Use it from one event loop; `RunEngine.sync` is for programs without one.

    The engine opens its database when it is created, and starts to serve with the first call. Any engine that has the
    workflow of a waiting or orphaned run claims it. Close the engine, or use it as `async with`.

    Args:
        workflows: The workflows that it can run.
        store: `sqlite:///runs.db` (a file that several processes may share), `postgresql://...`, or a URL of an
            installed backend; or a `sqlalchemy.URL`, for paths that a plain URL cannot hold; or a `StoreBackend`,
            which the engine closes.
        cache: A hot tier above the database: `redis://...` (extra `redis`) for one that all processes share, or a
            `HotTier`; None for one in this process.
        dispatch: A queue that notifies other processes of waiting runs: `bullmq+redis://...` or
            `bullmq+postgresql://...` (extra `bullmq`), or a `Dispatcher`, which the engine closes. None: the others
            find waiting runs at their next poll.
        artifacts: Where steps' files are kept: a folder; a URL of fsspec such as `s3://bucket/prefix` (extra
            `fsspec`, and the library of that filesystem), which engines on several machines share; or an
            `ArtifactStore`. None: a folder beside the SQLite file (a temporary one for a database in memory), or the
            folder `artifacts` with other databases.
        max_concurrency: How many steps of all runs may run at once: at least 1. Waiting tenants get free slots in
            turn.
        max_active_runs: How many runs the engine holds at once, at least 1. Further runs wait in the database and are
            claimed from the tenants in turn.
        max_active_runs_per_tenant: How many runs of a tenant may run at once on all engines that share the database:
            one number for each tenant, or a mapping for some; None for any number. Further runs wait, except a run
            for which a step of another run waits. Give all engines the same value.
        lease_ms: How long a lease holds without a heartbeat before other engines claim the run: 100 to 3,600,000.
        poll_ms: How often to look for waiting and orphaned runs: at least 10; 1,000 by default, 5,000 with
            `dispatch`.
        max_recovery_attempts: How often in a row a run is recovered from a dead process without progress: 0 to 1,000.
            After that, the run fails with `RECOVERY_EXHAUSTED`. From the second time on, it runs alone in its engine.
        step_queues: The names of step queues that this engine serves, also for runs of other engines. Steps of other
            queues are handed to their workers. None runs all steps of its runs here. With `take_on("none")`, the
            engine runs only steps of these queues.
        metrics_collector: The collector to which steps report.
        spans: The tracer of steps: a `NodeSpans`.
        migrate: Whether to create the tables or bring them up to date; None leaves that to the backend: only SQLite
            migrates itself.
        runtime: Time, sleep and randomness of the engine, its steps and a SQLite database; a `testing.ManualClock`
            in tests. PostgreSQL uses the clock of its server.

    Raises:
        WorkflowDefinitionError: A workflow cannot run.
        ValueError: An option is out of its range.
        TypeError: An option has the wrong type.
        SchemaVersionError: The database has the schema of another release, or tables of another program.

    Example:
        >>> from langgraph_runner import Workflow
        >>> shop = Workflow("shop.v1")
        >>> @shop.step
        ... def price(inputs) -> float:
        ...     return inputs["net"] * 1.2
        >>> async def main():
        ...     async with RunEngine([shop], store="sqlite://") as engine:
        ...         run = await engine.run("shop.v1", {"net": 10})
        ...         return run.status.value, await engine.get_output(run.id, "price")
        >>> asyncio.run(main())
        ('completed', 12.0)
    """

    def __init__(
        self,
        workflows: Iterable[Workflow | WorkflowSpec] = (),
        *,
        store: str | URL | StoreBackend = "sqlite:///runs.db",
        cache: HotTier | str | None = None,
        dispatch: Dispatcher | str | None = None,
        artifacts: ArtifactStore | Path | str | None = None,
        max_concurrency: int = 64,
        max_active_runs: int = 100,
        max_active_runs_per_tenant: int | Mapping[str, int] | None = None,
        lease_ms: int = 30_000,
        poll_ms: int | None = None,
        max_recovery_attempts: int = 5,
        step_queues: Iterable[str] | None = None,
        metrics_collector: NodeMetricsCollector | None = None,
        spans: Any = None,
        migrate: bool | None = None,
        runtime: Runtimes | None = None,
    ) -> None:
        runtimes = as_runtimes(runtime, field="runtime") or REAL_RUNTIMES
        if poll_ms is None:
            poll_ms = _POLL_MS if dispatch is None else _POLL_WITH_DISPATCH_MS
        options = EngineOptions(
            max_concurrency=max_concurrency,
            max_active_runs=max_active_runs,
            max_active_runs_per_tenant=checks.run_limits(max_active_runs_per_tenant),
            lease_ms=lease_ms,
            poll_ms=poll_ms,
            max_recovery_attempts=max_recovery_attempts,
            step_queues=checks.step_queues(step_queues),
        )
        if cache is not None and not isinstance(cache, str):
            checks.of_kind(
                cache, HotTier, field="cache", fix="redis://..., or one with get_many, put_many and clear"
            )
        if metrics_collector is not None or spans is not None:
            from langgraph_runner.node import runner_config  # noqa: PLC0415 - imports LangGraph

            runner_config(metrics_collector=metrics_collector, spans=spans)  # Checks both.
        files = None if artifacts is None or artifacts == "" else open_artifact_store(artifacts)
        registry, runs = WorkflowRegistry(workflows), RunStore(store, migrate=migrate, runtimes=runtime)
        files = open_artifact_store(runs.database.folder) if files is None else files
        if dispatch is not None and not isinstance(dispatch, str):
            checks.of_kind(
                dispatch, Dispatcher, field="dispatch", fix="bullmq+redis://..., or a `Dispatcher`"
            )
        announcers = Announcers(dispatch)
        own_cache = None
        if isinstance(cache, str):
            from langgraph_runner.engine import RedisTier  # noqa: PLC0415 - of an extra

            cache = own_cache = RedisTier(cache, namespace=f"langgraph-runner:{runs.store_id}")
        if registry.list_workflows():
            # Imported here, so that neither the first run nor the event loop waits for it.
            import langgraph_runner.engine.run.execution  # noqa: F401, PLC0415 - imports LangGraph
        host = Host(
            options=options,
            workflows=registry,
            owner=runtimes.awaiting.token_hex(8),
            runtime=runtimes.awaiting,
            given_runtimes=runtime,
            store=runs,
            cache=TieredCache(runs, cache, runtimes.awaiting),
            artifacts=ArtifactFiles(files, owner=runs.store_id),
            slots=TenantSlots(max_concurrency),
            collector=metrics_collector,
            spans=spans,
        )
        if options.step_queues is not None:
            host.router = StepRouter(runs, announcers.of_steps, runtimes.awaiting)
        super().__init__(host, Worker(host, announcers, self._on_request))
        self._own_cache = own_cache

    # Typed as a callable, so that callers see the parameters of the class; calls are checked by both type checkers.
    @classmethod  # pyright: ignore[reportArgumentType]
    def sync(cls: Callable[P, RunEngine], *arguments: P.args, **options: P.kwargs) -> SyncRunEngine:
        """Create a blocking engine for scripts and notebooks. It runs on an event loop in a thread of its own.

        Args:
            *arguments: The positional arguments of `RunEngine`.
            **options: The keyword arguments of `RunEngine`.
        """
        from langgraph_runner.engine import SyncRunEngine  # noqa: PLC0415 - it wraps this class

        return SyncRunEngine(partial(cls, *arguments, **options))

    # Starting runs.

    async def trigger(
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
        checks.of_kind(workflow, str, field="workflow", fix="the id of a workflow")
        blueprint = self.workflows.get_workflow(workflow)
        given = {} if inputs is None else inputs
        check = blueprint.inputs.check
        _, data = await run_off_loop(check, given) if is_large(given) else check(given)
        forced = checks.steps(force, blueprint, field="force")
        options = RunOptions.of(failure_mode, max_concurrency, run_timeout_ms, forced, use_cache)
        run_id = self._new_id()
        return await self._create(
            blueprint,
            NewRun(
                id=run_id,
                root_run_id=run_id,
                tenant=tenant,
                workflow=blueprint.id,
                version=blueprint.spec.version,
                trigger="manual",
                inputs=data,
                options=options.dump(),
                steps=tuple(blueprint.steps),
                idempotency_key=idempotency_key,
                priority=priority,
                tags={} if tags is None else checks.tags(tags),
                metadata=None if metadata is None else checks.metadata(metadata),
            ),
        )

    async def run(
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
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="run()")
        return await self._wait_for_end(await self.trigger(workflow, inputs, **options), raise_on_failure)

    async def trigger_update(
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
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_update()")
        base = await self._base_run(base_run_id, options.pop("tenant", DEFAULT_TENANT))
        impact = await base.impact(change, options.pop("force", ()))
        options["force"] = sorted(impact.forced)  # The base run's forced steps are not inherited.
        options.setdefault("use_cache", True)
        reuse = await base.reuse(impact.inputs, impact.impacted, checks_files=self._runs_steps)
        new = base.derive(
            self._new_id(), trigger="update", inputs=impact.inputs, reuse=reuse, change=change, **options
        )
        return await self._create(base.blueprint, new, reuse)

    async def update(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Create a run with `trigger_update()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return await self._wait_for_end(
            await self.trigger_update(base_run_id, change, **options), raise_on_failure
        )

    async def plan(
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
        from langgraph_runner.engine.rebuild.planning import plan_update  # noqa: PLC0415 - imports LangGraph

        base = await self._base_run(base_run_id, tenant)
        impact = await base.impact(change, force)
        reuse = await base.reuse(impact.inputs, impact.impacted, checks_files=self._runs_steps)
        return await plan_update(self._host, base, change, impact, reuse, use_cache=use_cache)

    async def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run as a new run, which reuses all completed steps.

        Raises:
            RunNotFoundError: The tenant has no such run, or it was deleted meanwhile. No run was created.
            RunStateError: The run has neither failed nor been cancelled.
            WorkflowInputError: The inputs are not valid for the current workflow. No run was created.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_retry()")
        base = await self._base_run(run_id, options.pop("tenant", DEFAULT_TENANT))
        base.check_retry()
        inputs = base.row.inputs
        if "force" in options:
            options["force"] = checks.steps(options["force"], base.blueprint, field="force")
        again = frozenset(options.get("force", ()))
        reuse = await base.reuse(inputs, again, checks_files=self._runs_steps)
        new = base.derive(self._new_id(), trigger="retry", inputs=inputs, reuse=reuse, **options)
        return await self._create(base.blueprint, new, reuse)

    async def retry(
        self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Create a run with `trigger_retry()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return await self._wait_for_end(await self.trigger_retry(run_id, **options), raise_on_failure)

    async def trigger_resume(self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False) -> Run:
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
        row = await self._row(run_id, tenant)
        self.workflows.get_workflow(row.workflow)
        if RunStatus(row.status).is_over:
            problem = "it has ended." if row.status == RunStatus.COMPLETED else "it has ended; retry it."
            raise RunStateError(run_id=run_id, status=row.status, problem=problem)
        is_ours = await self._worker.claimer.claim(run_id)
        if not is_ours and wait and self._runs_steps:
            self._worker.take_when_free(run_id, tenant)
        elif not is_ours:
            left_s = max(0.0, (row.lease_expires_at or 0) / 1000 - self._host.runtime.now_utc().timestamp())
            problem = (
                f"another process holds its lease. If that process has died, the lease expires in {left_s:.0f} s;"
                " wait (`--wait`, or `wait=True`) to claim it then."
            )
            raise RunStateError(run_id=run_id, status=row.status, problem=problem)
        return await self.get_run(run_id, tenant=tenant)

    async def resume(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False, raise_on_failure: bool = False
    ) -> Run:
        """Resume a run with `trigger_resume()`, and wait for its end; `raise_on_failure` as in `run()`."""
        return await self._wait_for_end(
            await self.trigger_resume(run_id, tenant=tenant, wait=wait), raise_on_failure
        )

    # Ending runs.

    async def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Cancel a run for good. Its running steps get the abort signal; all other steps are cancelled.

        A run that has ended stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `reason` is not text of up to 2,000 characters.
        """
        checks.of_kind(run_id, str, field="run_id", fix=RUN_ID)
        self._worker.start()
        reason = checks.text(reason or "cancelled", checks.MAX_REASON, field="reason")
        if await self._store.write(CancelRun(run_id, tenant, reason)) is None:
            raise RunNotFoundError(run_id=run_id)
        self._worker.cancel(run_id, reason)
        return await self.get_run(run_id, tenant=tenant)

    async def prune(self, *, older_than: timedelta, tenant: str | None = None) -> int:
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
        count = await self._store.write(Prune(tenant, checks.age_ms(older_than, field="older_than")))
        await self._delete_unused()
        return count

    async def archive(
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
        archive = await archive_runs(
            self._host,
            Path(folder),
            tenant=tenant,
            older_than_ms=checks.age_ms(older_than, field="older_than"),
        )
        await self._delete_unused()
        return archive

    async def restore(self, path: Path | str, *, tenant: str | None = None) -> int:
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
        return await restore_runs(self._host, Path(path), tenant=tenant)

    # Starting and closing the engine.

    def take_on(self, runs: TakesOn) -> None:
        """Set which runs this engine runs: `all` (the default), its `own`, or `none`.

        Its own are those that it triggers or resumes: the choice for a program that starts one run and ends. With
        `none`, the engine is a client: the runs that it triggers wait for other engines.
        """
        checks.one_of(runs, ("all", "own", "none"), field="runs")
        self._worker.workload.takes_on = runs

    async def start(self) -> None:
        """Start to serve now rather than with the first call: claim waiting and orphaned runs."""
        self._worker.start()

    async def drain(self, timeout_ms: float | None = None) -> bool:
        """Claim no further runs, and wait until the running ones have ended. `close()` hands the rest back.

        Runs that are triggered from now on wait for other engines. A drain cannot be undone.

        Args:
            timeout_ms: How long to wait, above 0; None for any time.

        Returns:
            Whether all runs of this engine have ended.

        Raises:
            ValueError: `timeout_ms` is not above 0.
        """
        limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
        return await self._worker.drain(None if limit_ms is None else limit_ms / 1000)

    async def close(self) -> None:
        """Stop serving. Running steps are stopped, and their runs are handed back to other engines."""
        await self._worker.close()
        if self._own_cache is not None:
            await self._own_cache.close()
        await asyncio.to_thread(self._store.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    # Helpers.

    async def _delete_unused(self) -> None:
        """Delete outputs and files that no run refers to."""
        await self._store.write(DeleteUnusedOutputs())
        await self._host.cache.clear_hot()
        await collect_files(self._host)

    async def _on_request(self, job_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Do what a job requests. The id of the job keeps a run from being created twice."""
        job = read_job(data)
        methods: dict[str, Callable[..., Awaitable[Run]]] = {
            "trigger": self.trigger,
            "update": self.trigger_update,
            "retry": self.trigger_retry,
            "cancel": self.cancel,
        }
        try:
            run = await methods[job.action](*job.arguments(), **job.options(job_id))
        except UnknownWorkflowError:
            raise  # Another worker may have it.
        except LookupError as error:  # A `ValueError` tells the queue not to try again.
            raise ValueError(str(error)) from error
        return {"run_id": run.id}

    def _new_id(self) -> str:
        # The time comes first, so that ids sort by creation; 80 random bits follow.
        now_ms = round(self._host.runtime.now_utc().timestamp() * 1000)
        return f"{now_ms:012x}{self._host.runtime.token_hex(10)}"

    async def _create(self, blueprint: Blueprint, run: NewRun, reuse: Reuse | None = None) -> Run:
        checks.text(run.tenant, checks.MAX_TENANT, field="tenant")
        checks.whole(run.priority, -checks.MAX_PRIORITY, checks.MAX_PRIORITY, field="priority")
        if run.idempotency_key is not None:
            checks.text(run.idempotency_key, checks.MAX_KEY, field="idempotency_key")
        self._worker.start()
        found = await self._worker.creator.create(blueprint, run)
        if reuse is not None and found.run_id == run.id:
            reuse.log_refused(run)
        if found.row is not None:
            return await self._as_run(found.row)
        row = await self._row(found.run_id, run.tenant)
        if row.id != run.id:
            run.check_same_request(row)
        return await self._as_run(row)

    async def _wait_for_end(self, run: Run, raise_on_failure: bool) -> Run:
        ended = run if run.status.is_over else await self.wait(run.id, tenant=run.tenant)
        return ended.raise_for_status() if raise_on_failure else ended

    @property
    def _runs_steps(self) -> bool:
        return self._worker.workload.takes_on != "none"

    async def _base_run(self, run_id: str, tenant: str) -> BaseRun:
        """Return the run from which another one is derived."""
        from langgraph_runner.engine.rebuild.base_run import BaseRun  # noqa: PLC0415 - imports LangGraph

        row = await self._row(run_id, tenant)
        return BaseRun(self._host, self.workflows.get_workflow(row.workflow), row)
