"""Durable runs of workflows: run, cache, rebuild, recover."""

from langgraph_runner.engine.cache import HotTier, MemoryTier
from langgraph_runner.engine.engine import RunEngine
from langgraph_runner.engine.errors import (
    ArtifactError,
    EngineError,
    LeaseLostError,
    RunNotFoundError,
    RunStateError,
    SchemaVersionError,
)
from langgraph_runner.engine.models import (
    PlanAction,
    PlannedStep,
    Run,
    RunEvent,
    RunPlan,
    RunStatus,
    RunStep,
)
from langgraph_runner.engine.sync import SyncRunEngine

__all__ = [
    "ArtifactError",
    "EngineError",
    "HotTier",
    "LeaseLostError",
    "MemoryTier",
    "PlanAction",
    "PlannedStep",
    "Run",
    "RunEngine",
    "RunEvent",
    "RunNotFoundError",
    "RunPlan",
    "RunStateError",
    "RunStatus",
    "RunStep",
    "SchemaVersionError",
    "SyncRunEngine",
]
