"""`Host`: what all runs of one engine share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langgraph_runner.node.config import as_timeout_ms

if TYPE_CHECKING:
    import asyncio

    from langgraph_runner.engine.artifacts import ArtifactStore
    from langgraph_runner.engine.cache import TieredCache
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.workflow import FailureMode

__all__ = ["Host", "RunOptions"]


@dataclass(slots=True, kw_only=True)
class RunOptions:
    """How one run is to be run; kept with it, so that whoever takes it over runs it the same way."""

    failure_mode: FailureMode = "continue"
    max_concurrency: int | None = None
    run_timeout_ms: float | None = None

    @classmethod
    def of(
        cls,
        failure_mode: FailureMode = "continue",
        max_concurrency: int | None = None,
        run_timeout_ms: TimeoutLike | None = None,
    ) -> RunOptions:
        """What the user has asked for, checked.

        Raises:
            ValueError: An option is out of its range.
        """
        if failure_mode not in {"continue", "fail_fast"}:
            raise ValueError(f"failure_mode: {failure_mode!r} is not one of 'continue', 'fail_fast'.")
        if max_concurrency is not None and (isinstance(max_concurrency, bool) or max_concurrency < 1):
            raise ValueError(f"max_concurrency: {max_concurrency!r} is not at least 1.")
        timeout_ms = as_timeout_ms(run_timeout_ms, field="run_timeout_ms")
        return cls(failure_mode=failure_mode, max_concurrency=max_concurrency, run_timeout_ms=timeout_ms)


@dataclass(slots=True, kw_only=True)
class Host:
    """What all runs of one engine share. Belongs to one event loop."""

    owner: str
    """Who holds the leases."""
    store: RunStore
    cache: TieredCache
    artifacts: ArtifactStore
    slots: asyncio.Semaphore
    """For steps that run, of all runs."""
    flights: dict[tuple[str, str], asyncio.Future[None]] = field(default_factory=dict)
    """Results that are being computed, by tenant and cache key: whoever needs the same one waits for it."""
    collector: NodeMetricsCollector | None = None
    spans: Any = None
