"""Runs as a command that follows them sees them."""

from datetime import timedelta

from langgraph_runner.cli.render.displays import RunView
from langgraph_runner.engine import Run, RunEvent, RunStep
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES


def ago(**amount):
    """Return a time before now."""
    return REAL_RUNTIMES.awaiting.now_utc() - timedelta(**amount)


def view_of(**steps):
    """Return the view of a run that started 65 s ago. Each step is given by its status, or by its fields."""
    started = ago(seconds=65)
    run = Run(
        id="r1",
        tenant="t",
        workflow="shop.v1",
        workflow_version="1",
        status="running",
        trigger="manual",
        created_at=started,
        started_at=started,
    )
    fields = {name: {"status": step} if isinstance(step, str) else step for name, step in steps.items()}
    return RunView(run, [RunStep(run_id="r1", step=name, **given) for name, given in fields.items()])


def event(kind, **data):
    """Return an event of that run."""
    return RunEvent(seq=1, run_id="r1", type=kind, at=ago(seconds=0), data=data)
