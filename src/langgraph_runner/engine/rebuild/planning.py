"""`plan_update`: what an update would do with each step, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.engine.models import PlanAction, PlannedStep, RunPlan
from langgraph_runner.workflow import CacheScope

if TYPE_CHECKING:
    from langgraph_runner.engine.rebuild.base_run import BaseRun, Reuse
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import CacheEntry
    from langgraph_runner.workflow import Blueprint, ChangeRequest
    from langgraph_runner.workflow.changes import Impact
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["plan_update"]


async def plan_update(
    host: Host, base: BaseRun, change: ChangeRequest, impact: Impact, reuse: Reuse, *, use_cache: bool = True
) -> RunPlan:
    """Return for each step whether it would run, and why.

    If all dependencies of a step are reused or cached, its input is known, so the cache is asked. A step that depends
    on a step that would run may still be served from the cache, if the new output is the same: so it is `MAYBE`,
    unless it never asks the cache.
    """
    blueprint, results = base.blueprint, reuse.results
    planned: dict[str, PlannedStep] = {}

    async def decide(step: str) -> tuple[PlanAction, str]:
        if step in reuse.steps:
            return PlanAction.REUSE, "its inputs do not change"
        bound = blueprint.steps[step]
        undecided = [
            before
            for before in bound.dependencies
            if planned[before].action in {PlanAction.RUN, PlanAction.MAYBE}
        ]
        why = _why(blueprint, step, change, impact, reuse)
        asks_cache = use_cache and bound.cache is not CacheScope.NONE and step not in impact.forced
        if undecided and not asks_cache:
            return PlanAction.RUN, f"{why}{_why_missed(bound, impact, use_cache=use_cache)}"
        if undecided:
            what = f"depends on the output of {', '.join(undecided)}"
            if step in impact.seeds or step not in impact.impacted:
                what = f"{why}; {what}"
            return PlanAction.MAYBE, what
        try:
            input_hash = await results.input_hash(bound)
        except SQLAlchemyError:  # The database has failed, not the step.
            raise
        except Exception as error:
            # A selector may fail, or return a value without a hash. The step would fail, too.
            return PlanAction.RUN, f"{why}; its input cannot be computed ({type(error).__name__})"
        key = results.cache_key(bound, input_hash)
        entry = await _cached(host, base, key) if asks_cache and key is not None else None
        if entry is not None:
            results.note(step, entry.output_ref)
            return PlanAction.CACHED, f"{why}; the cache has the result for this input"
        return PlanAction.RUN, f"{why}{_why_missed(bound, impact, use_cache=use_cache)}"

    for step in blueprint.dag.order:
        action, why = await decide(step)
        planned[step] = PlannedStep(step=step, action=action, why=why)
    return RunPlan(
        base_run_id=base.row.id,
        workflow=blueprint.id,
        change={"type": change.type, "payload": dict(change.payload)},
        changed_fields=tuple(sorted(impact.changed_fields)),
        steps=tuple(planned[step] for step in blueprint.steps),
    )


async def _cached(host: Host, base: BaseRun, key: str) -> CacheEntry | None:
    """Return the cache entry of a key, if its files are intact."""
    entry = (await host.cache.find(base.row.tenant, [key])).get(key)
    return entry if entry is not None and await host.artifacts.has_all(entry.artifacts) else None


def _why_missed(step: BoundStep, impact: Impact, *, use_cache: bool) -> str:
    if step.has_effects:
        return "; it acts on the world (effects=True), so it is never served"
    if step.id in impact.seeds:
        return ""
    if not use_cache:
        return "; the cache is not asked"
    if step.id not in impact.impacted:
        return ""
    if step.cache is CacheScope.NONE:
        return "; its results are not cached"
    return "; the cache has no result for this input"


def _why(blueprint: Blueprint, step: str, change: ChangeRequest, impact: Impact, reuse: Reuse) -> str:
    bound = blueprint.steps[step]
    if step in impact.seeds:
        fields = sorted(impact.changed_fields & frozenset(bound.binding.fields))
        if fields:
            return f"reads {', '.join(fields)}, which changes"
        reads_all = bound.reads(impact.changed_fields)
        if reads_all:
            return "reads all of the inputs, which change"
        return "the change names it" if step in blueprint.spec.changes[change.type].reruns else "it is forced"
    if step in impact.impacted:
        before = [each for each in bound.dependencies if each in impact.impacted]
        return f"depends on {', '.join(before)}"
    return reuse.refused.get(step, "a step before it is new or has changed")
