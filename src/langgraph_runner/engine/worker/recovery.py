"""`likely_causes`: the steps that may have killed the process of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.engine.store.schema import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.engine.store.commands import Claimed
    from langgraph_runner.engine.store.records import StepRow
    from langgraph_runner.workflow import Blueprint

__all__ = ["likely_causes"]


def likely_causes(claimed: Claimed, blueprint: Blueprint, steps: Iterable[StepRow]) -> list[str]:
    """Return the steps that may have killed the last owner: those that ran, and those whose inputs were prepared.

    Input selectors, validators and the hashing of inputs run before their step is marked as running.
    """
    open_steps = {row.step for row in steps if row.status in LIVE}
    ready = [
        step
        for step in open_steps & blueprint.steps.keys()
        if not open_steps.intersection(blueprint.dag.dependencies[step])
    ]
    causes = [step for step in ready if not claimed.running or blueprint.steps[step].selects]
    return sorted({*claimed.running, *causes})
