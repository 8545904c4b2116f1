"""`Timeline`: when each step of a run waited and ran, which step waited for which, and the critical path."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel

from langgraph_runner.workflow import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine import Run, RunStep

__all__ = ["Bar", "Timeline", "timeline_of"]


class Bar(BaseModel):
    """One step of a run. Times are in ms since the start of the run."""

    step: str
    status: str
    reason: str | None
    ready_ms: float | None
    """When the last dependency ended. From then on the step waited for a free slot. None if it has not ended."""
    start_ms: float | None
    """When the step started; None if it did not."""
    end_ms: float | None
    """When the step ended; now, if it is running."""
    waited_for: str | None
    """The dependency that ended last."""
    is_critical: bool = False


class Timeline(BaseModel):
    """One run as bars."""

    run_id: str
    workflow: str
    status: str
    started_at: datetime
    duration_ms: float
    """From the start of the run to its end, or until now."""
    critical_path: list[str]
    """The chain of steps, each waiting for the one before, that ended last. To shorten the run, shorten these."""
    critical_work_ms: float
    """How long the steps of the critical path ran."""
    bars: list[Bar]
    """In the order in which the steps started."""


def timeline_of(
    run: Run, steps: list[RunStep], needs: Mapping[str, tuple[str, ...]] | None, now: datetime
) -> Timeline:
    """Make the timeline of a run.

    Args:
        run: The run.
        steps: All its steps.
        needs: The dependencies of each step that has some; None if they are unknown. Then the timeline has neither
            waits nor a critical path.
        now: The current time, for steps that are running.
    """
    origin = run.started_at or run.created_at

    def since(when: datetime | None) -> float | None:
        return None if when is None else max(0.0, (when - origin).total_seconds() * 1000)

    ends = {each.step: since(each.completed_at or (now if each.started_at else None)) for each in steps}
    bars = [_bar(each, ends, (needs or {}).get(each.step, ()), since(each.started_at)) for each in steps]
    path: list[str] = []
    if needs is None:
        for bar in bars:
            bar.ready_ms = bar.start_ms
    else:
        path = _critical_path(bars)
    work = 0.0
    for bar in bars:
        bar.is_critical = bar.step in path
        if bar.is_critical and bar.start_ms is not None:
            work += (bar.end_ms or 0.0) - bar.start_ms
    bars.sort(key=_first_ms)
    end = since(run.completed_at or now) or 0.0
    return Timeline(
        run_id=run.id,
        workflow=run.workflow,
        status=run.status,
        started_at=origin,
        duration_ms=max([end, *(bar.end_ms for bar in bars if bar.end_ms is not None)]),
        critical_path=path,
        critical_work_ms=work,
        bars=bars,
    )


def _first_ms(bar: Bar) -> float:
    """Return when something first happened to a step. Steps that nothing happened to come last."""
    if bar.start_ms is not None:
        return bar.start_ms
    return float("inf") if bar.end_ms is None else bar.end_ms


def _bar(step: RunStep, ends: Mapping[str, float | None], needs: tuple[str, ...], start: float | None) -> Bar:
    ended: dict[str, float] = {}
    for name in needs:
        end_of_need = ends.get(name)
        if end_of_need is not None:
            ended[name] = end_of_need
    last = max(ended, key=lambda name: ended[name]) if ended else None
    ready = None
    if len(ended) == len(set(needs)):
        ready = 0.0 if last is None else ended[last]
        if start is not None:
            ready = min(ready, start)
    end = ends[step.step]
    return Bar(
        step=step.step,
        status=step.status,
        reason=step.reason,
        ready_ms=ready,
        start_ms=start,
        end_ms=None if end is None else max(end, start or 0.0),
        waited_for=last,
    )


def _critical_path(bars: list[Bar]) -> list[str]:
    """Follow the waits back from the step that ended last."""
    by_name = {bar.step: bar for bar in bars}
    ran = [bar for bar in bars if bar.start_ms is not None and bar.end_ms is not None]
    if not ran:
        return []
    bar: Bar | None = max(ran, key=lambda each: each.end_ms or 0.0)
    path: list[str] = []
    while bar is not None and bar.end_ms is not None and bar.reason != Reason.REUSED_FROM_BASE:
        path.insert(0, bar.step)
        bar = None if bar.waited_for is None else by_name.get(bar.waited_for)
    while path and by_name[path[0]].start_ms is None:
        del path[0]  # A step from the cache, with nothing before it, took no time.
    return path
