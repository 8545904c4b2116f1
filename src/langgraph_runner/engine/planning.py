"""What an update would do, and why, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.engine.models import PlanAction, PlannedStep, RunPlan
from langgraph_runner.node.runtime import REAL_RUNTIMES
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    from langgraph_runner.engine.host import Host
    from langgraph_runner.engine.results import Results
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.workflow import Blueprint, ChangeRequest
    from langgraph_runner.workflow.changes import Impact
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["Reuse", "has_delivered", "plan_update", "reuse_of"]

_AT_A_TIME: Final = 500
"""How many steps are looked at before the event loop has its turn: some milliseconds."""


def has_delivered(row: StepRow) -> bool:
    """Whether a step has an output to be taken over."""
    return row.output_ref is not None and (row.status == "completed" or row.reason in DELIVERING)


class Reuse(NamedTuple):
    """Which steps a run takes over from the one that it is derived from."""

    steps: frozenset[str]
    altered: frozenset[str]
    """Steps that are not what they were when the base run had them: their version, or what they receive."""


async def reuse_of(
    results: Results,
    blueprint: Blueprint,
    rows: dict[str, StepRow],
    touched: frozenset[str] = frozenset(),
) -> Reuse:
    """What can be taken over from the run with `rows`, if `touched` are to run again.

    What has run without all that it waits for, or before a step was there, is to receive something else now. So is
    what the code has changed: a step is taken over only if its input hash, which its version is part of, is that of
    the base run.

    Args:
        results: Empty ones, with the inputs of the new run; what is taken over is noted there.
        blueprint: The workflow as it is now.
        rows: The steps of the base run.
        touched: What a change touches.
    """
    missing = {step for step in blueprint.steps if step not in rows or not has_delivered(rows[step])}
    again, altered = set(blueprint.dag.downstream(touched | missing)), set[str]()
    for number, step in enumerate(blueprint.dag.order):
        bound = blueprint.steps[step]
        if step in again or not again.isdisjoint(bound.dependencies):
            again.add(step)
        elif await _is_as_it_was(results, bound, rows[step]):
            results.note(step, rows[step].output_ref)
        else:
            altered.add(step)
            again.add(step)
        if number % _AT_A_TIME == 0:
            await REAL_RUNTIMES.awaiting.sleep(0, None)
    return Reuse(frozenset(blueprint.steps) - again, frozenset(altered))


async def _is_as_it_was(results: Results, step: BoundStep, row: StepRow) -> bool:
    try:
        return await results.input_hash(step) == row.input_hash
    except Exception:  # A selector fails, say; so would the step, and says so.
        return False


async def plan_update(
    host: Host,
    blueprint: Blueprint,
    base: RunRow,
    rows: dict[str, StepRow],
    *,
    change: ChangeRequest,
    impact: Impact,
    results: Results,
) -> RunPlan:
    """Say for each step whether it would run, and why.

    A step whose dependencies are all reused or cached has a known input, so the cache is asked. What depends on a
    step that would run may still be served, if that gives the same as before: that cannot be known.
    """
    reuse = await reuse_of(results, blueprint, rows, impact.impacted)
    planned: dict[str, PlannedStep] = {}
    for step in blueprint.dag.order:
        if step in reuse.steps:
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
        why = _why(blueprint, step, impact, rows, reuse.altered)
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
            results.note(step, entry.output_ref)
            planned[step] = PlannedStep(
                step=step, action=PlanAction.CACHED, why=f"{why}; the cache knows the result for this input"
            )
        else:
            if step in impact.impacted - impact.seeds - reuse.altered and step in rows:
                why = f"{why}; the cache does not know the result for this input"
            planned[step] = PlannedStep(step=step, action=PlanAction.RUN, why=why)
    return RunPlan(
        base_run_id=base.id,
        workflow=blueprint.id,
        change={"type": change.type, "payload": dict(change.payload)},
        changed_fields=tuple(sorted(impact.changed_fields)),
        steps=tuple(planned[step] for step in blueprint.steps),
    )


def _why(
    blueprint: Blueprint, step: str, impact: Impact, rows: dict[str, StepRow], altered: frozenset[str]
) -> str:
    if step not in rows:
        return "the base run does not have this step"
    if step in altered:
        return "its version, or what it receives, is not that of the base run"
    bound = blueprint.steps[step]
    if step in impact.seeds:
        fields = sorted(impact.changed_fields & frozenset(bound.binding.fields))
        if fields:
            return f"reads {', '.join(fields)}, which changes"
        reads_all = bound.reads(impact.changed_fields)
        return "reads all of the inputs, which change" if reads_all else "the change names it"
    if step in impact.impacted:
        before = [each for each in bound.dependencies if each in impact.impacted]
        return f"depends on {', '.join(before)}"
    has_output = has_delivered(rows[step])
    return "a step before it is new or has changed" if has_output else "the base run has no output of it"
