"""What an update would do, and why, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.engine.models import PlanAction, PlannedStep, RunPlan
from langgraph_runner.engine.results import Results
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    from langgraph_runner.engine.host import Host
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.workflow import Blueprint, ChangeRequest
    from langgraph_runner.workflow.changes import Impact

__all__ = ["has_delivered", "plan_update", "reused_steps"]


def has_delivered(row: StepRow) -> bool:
    """Whether a step has an output to be taken over."""
    return row.output_sha256 is not None and (row.status == "completed" or row.reason in DELIVERING)


def reused_steps(
    blueprint: Blueprint, rows: dict[str, StepRow], touched: frozenset[str] = frozenset()
) -> frozenset[str]:
    """The steps that a run takes over from the one that it is derived from, if `touched` are to run again.

    What has run without all that it waits for, or before a step was there, is to receive something else now.
    """
    missing = {step for step in blueprint.steps if step not in rows or not has_delivered(rows[step])}
    return frozenset(blueprint.steps) - blueprint.dag.downstream(touched | missing)


async def plan_update(
    host: Host,
    blueprint: Blueprint,
    base: RunRow,
    rows: dict[str, StepRow],
    *,
    change: ChangeRequest,
    impact: Impact,
) -> RunPlan:
    """Say for each step whether it would run, and why.

    A step whose dependencies are all reused or cached has a known input, so the cache is asked. What depends on a
    step that would run may still be served, if that gives the same as before: that cannot be known.
    """
    inputs = blueprint.inputs.load(impact.inputs)
    results = Results(host.store, blueprint, base, inputs)
    reused = reused_steps(blueprint, rows, impact.impacted)
    planned: dict[str, PlannedStep] = {}
    for step in blueprint.dag.order:
        if step in reused:
            results.note(step, rows[step].output_sha256)
            planned[step] = PlannedStep(
                step=step, action=PlanAction.REUSE, why="nothing that it receives changes"
            )
            continue
        bound = blueprint.steps[step]
        open_ones = [
            before
            for before in bound.dependencies
            if planned[before].action in {PlanAction.RUN, PlanAction.MAYBE}
        ]
        why = _why(blueprint, step, impact, rows)
        if open_ones:
            what = f"depends on what {', '.join(open_ones)} will give"
            if step in impact.seeds or step not in impact.impacted:
                what = f"{why}; {what}"
            planned[step] = PlannedStep(step=step, action=PlanAction.MAYBE, why=what)
            continue
        try:
            input_hash = await results.input_hash(bound)
        except Exception as error:  # A selector fails, say, or gives what has no hash: so would the step.
            why = f"{why}; what it would receive cannot be told ({type(error).__name__})"
            planned[step] = PlannedStep(step=step, action=PlanAction.RUN, why=why)
            continue
        key = results.cache_key(bound, input_hash)
        found = {} if key is None else await host.cache.find(base.tenant, [key])
        entry = found.get(key) if key is not None else None
        if entry is not None and all(map(host.artifacts.has, entry.artifacts)):
            results.note(step, entry.output_sha256)
            planned[step] = PlannedStep(
                step=step, action=PlanAction.CACHED, why=f"{why}; the cache knows the result for this input"
            )
        else:
            planned[step] = PlannedStep(step=step, action=PlanAction.RUN, why=why)
    return RunPlan(
        base_run_id=base.id,
        workflow=blueprint.id,
        change={"type": change.type, "payload": dict(change.payload)},
        changed_fields=tuple(sorted(impact.changed_fields)),
        steps=tuple(planned[step] for step in blueprint.steps),
    )


def _why(blueprint: Blueprint, step: str, impact: Impact, rows: dict[str, StepRow]) -> str:
    if step not in rows:
        return "the base run does not have this step"
    if step not in impact.impacted:
        has_output = has_delivered(rows[step])
        return "a step before it is new" if has_output else "the base run has no output of it"
    if step in impact.seeds:
        fields = sorted(impact.changed_fields & frozenset(blueprint.steps[step].binding.fields))
        return (
            f"reads {', '.join(fields)}, which changes"
            if fields
            else "the change names it, or it reads the inputs"
        )
    before = [each for each in blueprint.steps[step].dependencies if each in impact.impacted]
    return f"depends on {', '.join(before)}"
