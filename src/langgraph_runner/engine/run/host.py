"""`Host`: what all runs of one engine share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from langgraph_runner.engine.artifacts.files import ArtifactFiles
    from langgraph_runner.engine.cache.tiers import TieredCache
    from langgraph_runner.engine.run.routing import StepRouter
    from langgraph_runner.engine.run.slots import TenantSlots
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.runtime.runtimes import Runtime, Runtimes

__all__ = ["Host"]


@dataclass(slots=True, kw_only=True)
class Host:
    """What all runs of one engine share. Belongs to one event loop."""

    owner: str
    """The id of the engine, as the owner of leases."""
    runtimes: Runtimes
    """Time, sleep and randomness, of the engine and of the steps that it runs."""
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
    step_queues: frozenset[str] = frozenset()
    """Queues whose steps this engine runs itself."""

    @property
    def runtime(self) -> Runtime:
        """The async runtime of the engine."""
        return self.runtimes.awaiting
