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
from langgraph_runner.engine.dispatch.jobs import JobRequest
from langgraph_runner.engine.errors import IdempotencyConflictError, RunNotFoundError, RunStateError
from langgraph_runner.engine.maintenance.archiving import archive_runs, restore_runs
from langgraph_runner.engine.maintenance.collecting import collect_files
from langgraph_runner.engine.models import Run, RunStatus
from langgraph_runner.engine.options import RunOptions, TriggerOptions
from langgraph_runner.engine.reading.reader import RUN_ID, RunReader
from langgraph_runner.engine.run.host import Host
from langgraph_runner.engine.run.routing import StepRouter
from langgraph_runner.engine.run.slots import TenantSlots
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.commands import CancelRun, DeleteUnusedOutputs, Prune
from langgraph_runner.engine.store.records import NewRun
from langgraph_runner.engine.worker.step_pool import StepPool
from langgraph_runner.engine.worker.worker import Worker
from langgraph_runner.errors.hints import refuse_unknown_options
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, as_runtimes
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow import ChangeRequest, WorkflowRegistry
from langgraph_runner.workflow.values.heavy import apart_from_loop, is_heavy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from sqlalchemy import URL

    from langgraph_runner.engine import SyncRunEngine
    from langgraph_runner.engine.maintenance.archiving import RunArchive
    from langgraph_runner.engine.models import RunPlan
    from langgraph_runner.engine.rebuild.base_run import BaseRun, Reuse
    from langgraph_runner.engine.store.backends import StoreBackend
    from langgraph_runner.engine.worker.workload import TakesOn
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.runtime.runtimes import Runtimes
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

    It opens its database when it is made, and begins to serve at the first call: runs that wait, or whose process has
    died, are taken over by any engine that has their workflow. Close it, or use it as `async with`.

    Args:
        workflows: What it can run.
        store: `sqlite:///runs.db` (a file that several processes may share), `postgresql://...`, or an address of a
            backend that is installed; or a URL of SQLAlchemy, for a path that an address cannot hold; or a
            `StoreBackend`, which the engine closes.
        cache: A hot tier over the database: `redis://...` (extra `redis`) for one that all processes share, or a
            `HotTier`; None for one in this process.
        dispatch: A queue that tells other processes at once that a run waits: `bullmq+redis://...` or
            `bullmq+postgresql://...` (extra `bullmq`), or a `Dispatcher`, which the engine closes; None to leave it
            to their next look.
        artifacts: Where files that steps save are kept: a folder; a URL of fsspec such as `s3://bucket/prefix`
            (extra `fsspec`, and the library of that filesystem), which engines on several machines share; or an
            `ArtifactStore`. None for a folder beside the SQLite file (of a database in memory, one that goes with
            it), else the folder `artifacts`.
        max_concurrency: How many steps may run at once, of all runs: at least 1. Tenants that wait get a free slot in
            turn.
        max_active_runs: How many runs it takes on at once, at least 1; further ones wait in the database, and are
            taken from the tenants in turn.
        max_active_runs_per_tenant: How many runs of a tenant may run at once, on all engines that share the database:
            a number for each tenant, or a mapping for some; None for any number. Further ones wait. A run for which
            a step of another run waits does not wait itself. Give all engines the same.
        lease_ms: How long it may be silent before others take over its runs: 100 to 3,600,000.
        poll_ms: How often it looks for runs that wait or were left: at least 10; 1,000, or 5,000 with `dispatch`.
        max_recovery_attempts: How often a run is taken over without progress after its process has died: 0 to 1,000.
            After that the run fails with `RECOVERY_EXHAUSTED`. From the second time on it runs alone in its engine.
        step_queues: Names of queues: the engine runs the steps that name one of them, also those of other engines'
            runs, and leaves steps of other queues to their workers. None to run all steps of its runs here. With
            `take_on("none")` it runs nothing but steps of these queues.
        metrics_collector: What steps report to.
        spans: What traces steps: a `NodeSpans`.
        migrate: Whether to make the tables or to bring them up to date; None to leave that to the backend:
            SQLite only.
        runtime: Time, sleep and randomness of the engine, of its steps and of a SQLite database; a
            `testing.ManualClock` in tests. The clock of PostgreSQL is the server's.

    Raises:
        WorkflowDefinitionError: A workflow cannot run.
        ValueError: An option is out of its range.
        TypeError: An option is of another kind.
        SchemaVersionError: The database is of another release, or not of this package.

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
        for name, value, low, high in (
            ("max_concurrency", max_concurrency, 1, checks.MAX_AT_ONCE),
            ("max_active_runs", max_active_runs, 1, checks.MAX_AT_ONCE),
            ("lease_ms", lease_ms, 100, 3_600_000),
            ("poll_ms", poll_ms, 10, 3_600_000),
            ("max_recovery_attempts", max_recovery_attempts, 0, 1_000),
        ):
            checks.whole(value, low, high, field=name)
        queues = None if step_queues is None else checks.step_queues(step_queues)
        limits = max_active_runs_per_tenant
        limits = None if limits is None else checks.run_limits(limits)
        if cache is not None and not isinstance(cache, str):
            checks.of_kind(
                cache, HotTier, field="cache", fix="redis://..., or one with get_many, put_many and clear"
            )
        if metrics_collector is not None or spans is not None:
            from langgraph_runner.node import runner_config  # noqa: PLC0415 - imports LangGraph

            runner_config(metrics_collector=metrics_collector, spans=spans)  # Checks both.
        files = None if artifacts is None or artifacts == "" else open_artifact_store(artifacts)
        registry, runs = WorkflowRegistry(workflows), RunStore(store, migrate=migrate, runtimes=runtimes)
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
            # Before the first claim: a run is not to wait for imports, nor the event loop.
            import langgraph_runner.engine.run.execution  # noqa: F401, PLC0415 - imports LangGraph
        host = Host(
            owner=runtimes.awaiting.token_hex(8),
            runtimes=runtimes,
            store=runs,
            cache=TieredCache(runs, cache, runtimes.awaiting),
            artifacts=ArtifactFiles(files, owner=runs.store_id),
            slots=TenantSlots(max_concurrency),
            collector=metrics_collector,
            spans=spans,
        )
        pool = None
        if queues is not None:
            host.router = StepRouter(runs, announcers.of_steps, runtimes.awaiting)
            host.step_queues = frozenset(queues)
        if queues:
            pool = StepPool(
                host,
                registry,
                queues,
                [announcers.of_steps(queue) for queue in queues],
                max_steps=max_concurrency,
                lease_ms=lease_ms,
                poll_ms=poll_ms,
                max_recovery_attempts=max_recovery_attempts,
            )
        worker = Worker(
            host,
            registry,
            max_active_runs=max_active_runs,
            lease_ms=lease_ms,
            poll_ms=poll_ms,
            max_recovery_attempts=max_recovery_attempts,
            announcers=announcers,
            limits=limits,
            on_request=self._on_request,
            pool=pool,
        )
        super().__init__(registry, host, worker)
        self._own_cache = own_cache

    # Typed as a callable, so that callers see the parameters of the class; calls are checked by both type checkers.
    @classmethod  # pyright: ignore[reportArgumentType]
    def sync(cls: Callable[P, RunEngine], *arguments: P.args, **options: P.kwargs) -> SyncRunEngine:
        """Make a blocking engine, for scripts and notebooks. It runs on an event loop of its own, in a thread.

        Args:
            *arguments: Those of `RunEngine`.
            **options: Those of `RunEngine`.
        """
        from langgraph_runner.engine import SyncRunEngine  # noqa: PLC0415 - it wraps this class

        return SyncRunEngine(partial(cls, *arguments, **options))

    # Start runs.

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
        """Make a run, and have it run. When this returns it is durable: it will run, here or elsewhere.

        Args:
            workflow: Its id.
            inputs: As its model, or as JSON values; checked first.
            tenant: Whose run it is.
            idempotency_key: Of two equal calls with one key for one workflow and tenant, the second one gets the run
                of the first; one that differs is refused.
            priority: Runs of a tenant that wait are taken in this order, the highest first.
            failure_mode: What a failed step does to branches that do not need it: `continue`, or `fail_fast`.
            max_concurrency: How many of its steps may run at once, at least 1; None for as many as the engine allows.
            run_timeout_ms: Limit of the whole run, from its start.
            force: Ids of steps that run even if the cache knows their results. Their dependents are served as usual,
                and later runs are served the new results.
            use_cache: False runs every step, as if the cache were empty; results are stored all the same.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256. Updates and retries of the run keep its tags and metadata unless they are given others.
            metadata: JSON values that are kept with the run: up to 16 KB.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs do not fit. No run was made.
            IdempotencyConflictError: The key was used before, for another request.
            ValueError: An option is out of its range.
        """
        checks.of_kind(workflow, str, field="workflow", fix="the id of one that the engine has")
        blueprint = self.workflows.get_workflow(workflow)
        given = {} if inputs is None else inputs
        check = blueprint.inputs.check
        _, data = await apart_from_loop(check, given) if is_heavy(given) else check(given)
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
        """`trigger()`, and `wait()` for its end. A failed run is returned, unless `raise_on_failure` is True.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="run()")
        return await self._wait_for_end(await self.trigger(workflow, inputs, **options), raise_on_failure)

    async def trigger_update(
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
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_update()")
        base = await self._base_run(base_run_id, options.pop("tenant", DEFAULT_TENANT))
        impact = await base.impact(change, options.pop("force", ()))
        options["force"] = sorted(impact.forced)  # Those of the base run were for that one only.
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
        """`trigger_update()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
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
        """What `update()` would do with each step, and why. Nothing runs, nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is not completed.
            ChangeRequestError: Its workflow does not know the change, or the payload does not fit.
        """
        from langgraph_runner.engine.rebuild.planning import plan_update  # noqa: PLC0415 - imports LangGraph

        base = await self._base_run(base_run_id, tenant)
        impact = await base.impact(change, force)
        reuse = await base.reuse(impact.inputs, impact.impacted, checks_files=self._runs_steps)
        return await plan_update(self._host, base, change, impact, reuse, use_cache=use_cache)

    async def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Go on with a failed or cancelled run from where it stopped, as a new run: what has been done is reused.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It has not failed and was not cancelled.
            WorkflowInputError: Its inputs do not fit the workflow as it is now. No run was made.
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
        """`trigger_retry()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
        return await self._wait_for_end(await self.trigger_retry(run_id, **options), raise_on_failure)

    async def trigger_resume(self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False) -> Run:
        """Take on a run that nobody runs here and now: one that waits, or whose process has died.

        Args:
            run_id: The run.
            tenant: Whose run it is.
            wait: What to do about one that somebody runs, or did until a moment ago: False refuses; True takes it on
                when its lease runs out, if that happens. An engine that takes on none refuses in any case.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is over, or somebody runs it.
            UnknownWorkflowError: This engine does not have its workflow.
        """
        row = await self._row(run_id, tenant)
        self.workflows.get_workflow(row.workflow)
        if RunStatus(row.status).is_over:
            problem = "it is over." if row.status == RunStatus.COMPLETED else "it is over; retry it."
            raise RunStateError(run_id=run_id, status=row.status, problem=problem)
        is_ours = await self._worker.claimer.claim(run_id)
        if not is_ours and wait and self._runs_steps:
            self._worker.take_when_free(run_id, tenant)
        elif not is_ours:
            left_s = max(0.0, (row.lease_expires_at or 0) / 1000 - self._host.runtime.now_utc().timestamp())
            problem = (
                "somebody runs it, or did until a moment ago. If nobody does, it is free when its lease ends, in"
                f" {left_s:.0f} s; wait (`--wait`, or `wait=True`) to take it on then."
            )
            raise RunStateError(run_id=run_id, status=row.status, problem=problem)
        return await self.get_run(run_id, tenant=tenant)

    async def resume(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, wait: bool = False, raise_on_failure: bool = False
    ) -> Run:
        """`trigger_resume()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
        return await self._wait_for_end(
            await self.trigger_resume(run_id, tenant=tenant, wait=wait), raise_on_failure
        )

    # Follow and end them.

    async def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Ask for a run to be cancelled, for good. Steps that run get the abort signal; the rest is cancelled.

        One that is over stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: The reason is none.
        """
        checks.of_kind(run_id, str, field="run_id", fix=RUN_ID)
        self._worker.start()
        reason = checks.text(reason or "cancelled", checks.MAX_REASON, field="reason")
        if await self._store.write(CancelRun(run_id, tenant, reason)) is None:
            raise RunNotFoundError(run_id=run_id)
        self._worker.cancel(run_id, reason)
        return await self.get_run(run_id, tenant=tenant)

    async def prune(self, *, older_than: timedelta, tenant: str | None = None) -> int:
        """Delete runs that ended at least `older_than` ago, what they have put into the cache, and expired entries.

        Args:
            older_than: How long they have been over at least; not negative.
            tenant: Whose; None for all tenants.

        Returns:
            How many runs were deleted.

        Files that no run refers to any more go, too, once they are a day old, also those that a killed process has
        left half written. Where several databases share a folder for files, all files are left.

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

        What they have put into the cache expires, as with `prune()`. A process that is killed meanwhile loses no run.

        Args:
            folder: Where to; made if need be.
            older_than: How long they have been over at least; not negative.
            tenant: Whose; None for all tenants.

        Returns:
            The file, with how many runs it has; None without runs that are old enough.

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
        """Put the runs of an archive back as they were; those that are there stay as they are.

        Their steps are not served from the cache again, but updates and retries of them reuse what they delivered.
        A restored run whose idempotency key a later run has taken loses the key.

        Args:
            path: A file that `archive()` has made.
            tenant: Whose; None for those of all tenants.

        Returns:
            How many runs were restored.

        Raises:
            ArchiveError: The file cannot be read, is no archive, is damaged, or is of a later release.
        """
        return await restore_runs(self._host, Path(path), tenant=tenant)

    # Begin and end.

    def take_on(self, runs: TakesOn) -> None:
        """Say which runs this engine runs: `all` (from the start), its `own`, or `none`.

        Its own are those that it triggers or resumes: a program that starts one run and ends does well not to begin
        others. With `none` it is a client: what it triggers waits for whoever takes it.
        """
        checks.one_of(runs, ("all", "own", "none"), field="runs")
        self._worker.workload.takes_on = runs

    async def start(self) -> None:
        """Begin to serve without waiting for the first call: runs that wait, and those of dead processes."""
        self._worker.start()

    async def drain(self, timeout_ms: float | None = None) -> bool:
        """Take on no further runs, and wait until those that run here are over. `close()` gives up what is left.

        Runs that are triggered from now on wait for other engines. An engine that drains does not go back.

        Args:
            timeout_ms: How long to wait, above 0; None for as long as it takes.

        Returns:
            Whether nothing runs here any more.

        Raises:
            ValueError: `timeout_ms` is not above 0.
        """
        limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
        return await self._worker.drain(None if limit_ms is None else limit_ms / 1000)

    async def close(self) -> None:
        """Stop serving. Steps that run are stopped; their runs are given up, for others or for the next start."""
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

    # Inside.

    async def _delete_unused(self) -> None:
        """Delete what the runs that are gone have left."""
        await self._store.write(DeleteUnusedOutputs())
        await self._host.cache.clear_hot()
        await collect_files(self._host)

    async def _on_request(self, job_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Make the run that a job asks for. The id of the job keeps it from being made twice."""
        asked = JobRequest.of(data)
        try:
            run = await self.trigger(
                asked.workflow,
                asked.inputs,
                tenant=asked.tenant,
                idempotency_key=asked.idempotency_key or f"job:{job_id}",
                priority=asked.priority,
                tags=asked.tags,
                metadata=asked.metadata,
            )
        except (LookupError, IdempotencyConflictError) as error:  # Not to be tried again, as a `ValueError`.
            raise ValueError(str(error)) from error
        return {"run_id": run.id}

    def _new_id(self) -> str:
        # The time first, so that ids sort as their runs were made; 80 bits of chance behind it.
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
        """A run from which another one is to be derived."""
        from langgraph_runner.engine.rebuild.base_run import BaseRun  # noqa: PLC0415 - imports LangGraph

        row = await self._row(run_id, tenant)
        return BaseRun(self._host, self.workflows.get_workflow(row.workflow), row)
