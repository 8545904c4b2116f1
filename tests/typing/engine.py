"""The types of the run engine, with and without a loop; never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_type

from langgraph_runner import (
    RUN_ORCHESTRATION,
    RUN_STEPS,
    ArchiveError,
    ArtifactError,
    ArtifactRef,
    ArtifactStore,
    ArtifactUnavailableError,
    Blueprint,
    BullMQDispatcher,
    ChangeDescription,
    ChangeRequest,
    Dispatcher,
    EngineError,
    FsspecArtifactStore,
    HotTier,
    IdempotencyConflictError,
    LeaseLostError,
    LocalArtifactStore,
    MemoryTier,
    NodeErrorRecord,
    PlanAction,
    PlannedStep,
    PostgreSQLBackend,
    RecoveryExhaustedError,
    RedisTier,
    Run,
    RunArchive,
    RunEngine,
    RunEvent,
    RunFailedError,
    RunNotFoundError,
    RunPlan,
    RunStateError,
    RunStatus,
    RunStep,
    RunSummary,
    SchemaVersionError,
    SQLiteBackend,
    StepDescription,
    StepStatus,
    StoreBackend,
    StoredFile,
    StoreUnavailableError,
    SyncRunEngine,
    WorkerOverview,
    WorkerState,
    WorkerStatus,
    Workflow,
    WorkflowDescription,
    WorkflowRegistry,
)

ENGINE_ERRORS: tuple[type[EngineError], ...] = (
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


async def awaits(shop: Workflow) -> None:
    """The engine on an event loop."""
    tier: HotTier = MemoryTier(size=100)
    async with RunEngine([shop], store="sqlite://", cache=tier) as engine:
        assert_type(engine, RunEngine)
        run = await engine.run("shop.v1", {"net": 10}, priority=3, tenant="acme")
        assert_type(run, Run)
        assert_type(await engine.get_run_steps(run.id, status="failed"), list[RunStep])
        async for event in engine.events(run.id):
            assert_type(event, RunEvent)


async def works(shop: Workflow) -> None:
    """The parts of an engine that share work with other engines."""
    tier: HotTier = RedisTier("redis://localhost", namespace="shop")
    queue: Dispatcher = BullMQDispatcher(
        "bullmq+redis://localhost", queue=RUN_ORCHESTRATION, step_queue=RUN_STEPS
    )
    async with RunEngine([shop], store="sqlite://", cache=tier, dispatch=queue) as engine:
        overview = await engine.get_workers()
        assert_type(overview, WorkerOverview)
        assert_type(overview.workers, list[WorkerStatus])
        assert_type(overview.workers[0].state, WorkerState)
        assert_type(await engine.drain(timeout_ms=1_000), bool)


def blocks(shop: Workflow, file: ArtifactRef) -> None:
    """The engine without an event loop: each method has its own type."""
    change = ChangeRequest("net", {"net": 2})
    files: ArtifactStore = LocalArtifactStore("files")
    assert_type(files.stat("0" * 64), StoredFile | None)
    files = FsspecArtifactStore("s3://bucket/files", endpoint_url="http://localhost:9000")
    database: StoreBackend = PostgreSQLBackend("postgresql://runner@localhost/runs")
    database = SQLiteBackend("sqlite://")
    assert_type(database.connections(), tuple[int, int])
    with RunEngine.sync([shop], store=database, artifacts=files, lease_ms=1_000) as engine:
        assert_type(engine, SyncRunEngine)
        run = engine.run("shop.v1", {"net": 10}, failure_mode="fail_fast")
        assert_type(run, Run)
        assert_type(engine.trigger("shop.v1", priority=1), Run)
        assert_type(engine.update(run.id, change, idempotency_key="k"), Run)
        assert_type(engine.retry(run.id), Run)
        assert_type(engine.resume(run.id, wait=True), Run)
        assert_type(engine.cancel(run.id, reason="wrong brief"), Run)
        assert_type(engine.wait(run.id, timeout_ms=500), Run)
        assert_type(engine.plan(run.id, change), RunPlan)
        assert_type(engine.get_run_steps(run.id), list[RunStep])
        assert_type(engine.get_output(run.id, "price"), Any)
        assert_type(engine.get_result(run.id), Any)
        assert_type(run.outputs, Mapping[str, Any])
        assert_type(run.raise_for_status().result, Any)
        assert_type(engine.get_run_artifacts(run.id), dict[str, list[ArtifactRef]])
        assert_type(engine.read_artifact(file), bytes)
        assert_type(engine.list_runs(status=RunStatus.FAILED), list[RunSummary])
        assert_type(engine.list_workflows(), list[Blueprint])
        described = engine.describe_workflow("shop.v1")
        assert_type(described, WorkflowDescription)
        assert_type(described.steps, list[StepDescription])
        assert_type(described.changes, list[ChangeDescription])
        engine.check_inputs("shop.v1", {"net": 10})
        assert_type(engine.workflows, WorkflowRegistry)
        assert_type(engine.prune(older_than=timedelta(days=30)), int)
        assert_type(engine.archive("old", older_than=timedelta(days=30)), RunArchive | None)
        assert_type(engine.restore("old/runs.zip", tenant="acme"), int)
        for event in engine.events(run.id):
            assert_type(event.data, dict[str, Any])


def reads(run: Run, step: RunStep, plan: RunPlan) -> None:
    """The values that the engine returns."""
    assert_type(run.status, RunStatus)
    assert_type(run.step_summary, dict[str, int])
    assert_type(run.error, NodeErrorRecord | None)
    assert_type(run.created_at, datetime)
    assert_type(step.status, StepStatus)
    assert_type(plan.steps, tuple[PlannedStep, ...])
    assert_type(plan.of(PlanAction.RUN), list[str])
