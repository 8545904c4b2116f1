"""`Timeline`: when each step of a run waited and ran, who waited for whom, and which steps took the run its time."""

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
    """One step of a run. Times are in ms since the run began."""

    step: str
    status: str
    reason: str | None
    ready_ms: float | None
    """When the last step that it needs had ended: from then on it waited for room. None if that never happened."""
    start_ms: float | None
    """When it began to run; None if it never did."""
    end_ms: float | None
    """When it ended, or now, if it runs."""
    waited_for: str | None
    """Of the steps that it needs the one that ended last."""
    is_critical: bool = False


class Timeline(BaseModel):
    """One run."""

    run_id: str
    workflow: str
    status: str
    started_at: datetime
    duration_ms: float
    """To its end, or until now."""
    critical_path: list[str]
    """The chain of steps, each waiting for the one before, that ended last: shorten these to shorten the run."""
    critical_work_ms: float
    """How long the steps of that chain ran."""
    bars: list[Bar]
    """In the order in which they began."""


def timeline_of(
    run: Run, steps: list[RunStep], needs: Mapping[str, tuple[str, ...]] | None, now: datetime
) -> Timeline:
    """Lay the steps of a run along time.

    Args:
        run: The run.
        steps: All its steps.
        needs: For each step those that it waits for; what is missing waits for nothing. None if it is not known:
            then there are no waits and there is no critical path.
        now: Where what runs has come to.
    """
    origin = run.started_at or run.created_at

    def since(when: datetime | None) -> float | None:
        return None if when is None else max(0.0, (when - origin).total_seconds() * 1000)

    ends = {each.step: since(each.completed_at or (now if each.started_at else None)) for each in steps}
    if needs is None:
        bars = [_bar(each, ends, (), since(each.started_at)) for each in steps]
        for bar in bars:
            bar.ready_ms = bar.start_ms
    else:
        bars = [_bar(each, ends, needs.get(each.step, ()), since(each.started_at)) for each in steps]
    path = [] if needs is None else _critical_path(bars)
    for bar in bars:
        bar.is_critical = bar.step in path
    position = {bar.step: index for index, bar in enumerate(bars)}
    infinity = float("inf")
    bars.sort(
        key=lambda bar: (
            bar.start_ms if bar.start_ms is not None else bar.end_ms if bar.end_ms is not None else infinity,
            position[bar.step],
        )
    )
    work = sum(
        (bar.end_ms or 0.0) - bar.start_ms for bar in bars if bar.is_critical and bar.start_ms is not None
    )
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


def _bar(step: RunStep, ends: Mapping[str, float | None], needs: tuple[str, ...], start: float | None) -> Bar:
    of_needs = {name: ends.get(name) for name in needs}
    known = {name: end for name, end in of_needs.items() if end is not None}
    last = max(known, key=lambda name: known[name]) if known else None
    is_ready = len(known) == len(of_needs)
    ready = (known[last] if last is not None else 0.0) if is_ready else None
    end = ends[step.step]
    if start is not None and ready is not None:
        ready = min(ready, start)
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
    """From the step that ended last back over those that were waited for, as long as they ran."""
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
        del path[0]  # What came from the cache at once has taken no time.
    return path
