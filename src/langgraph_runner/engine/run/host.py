"""`Host`: what all runs of one engine share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from langgraph_runner.engine.artifacts.files import ArtifactFiles
    from langgraph_runner.engine.cache.tiers import TieredCache
    from langgraph_runner.engine.options import EngineOptions
    from langgraph_runner.engine.run.routing import StepRouter
    from langgraph_runner.engine.run.slots import TenantSlots
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.runtime.runtimes import Runtime, Runtimes
    from langgraph_runner.workflow import WorkflowRegistry

__all__ = ["Host"]


@dataclass(slots=True, kw_only=True)
class Host:
    """What all runs of one engine share. Belongs to one event loop."""

    options: EngineOptions
    workflows: WorkflowRegistry
    """The workflows that the engine can run."""
    owner: str
    """The id of the engine, as the owner of leases."""
    runtime: Runtime
    """Time, sleep and randomness of the engine."""
    given_runtimes: Runtimes | None
    """The `runtime=` of the engine, which its steps use, too; None lets each step use its own."""
    store: RunStore
    cache: TieredCache
    artifacts: ArtifactFiles
    slots: TenantSlots
    """The slots for running steps, of all runs."""
    in_flight: dict[tuple[str, str], asyncio.Future[None]] = field(default_factory=dict)
    """Results that runs of this process compute, by tenant and cache key. See `SingleFlight`."""
    collector: NodeMetricsCollector | None = None
    spans: Any = None
    router: StepRouter | None = None
    """Hands steps with a queue to workers; None to run all steps here."""

    @property
    def step_queues(self) -> tuple[str, ...]:
        """The queues whose steps this engine runs itself."""
        return self.options.step_queues or ()

    def workflow_ids(self) -> tuple[str, ...]:
        """Return the ids of the workflows that the engine can run."""
        return tuple(each.id for each in self.workflows.list_workflows())
