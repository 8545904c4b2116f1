"""Running a workflow here and now, in memory: no store, no cache, nothing survives. The heart of `as_node()`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langgraph_runner.errors import original_error
from langgraph_runner.node import Success
from langgraph_runner.workflow.context import StepContext
from langgraph_runner.workflow.scheduler import Scheduler, StepStatus

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node import Failure
    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.context import ArtifactSink

__all__ = ["run_inline"]


async def run_inline(
    blueprint: Blueprint,
    inputs: Any,
    config: RunnableConfig,
    *,
    max_concurrency: int | None = None,
    artifacts: ArtifactSink | None = None,
) -> dict[str, Any]:
    """Run each step as soon as what it waits for has ended.

    Args:
        blueprint: The workflow.
        inputs: Of the run; checked first.
        config: Of the node that this runs in.
        max_concurrency: How many steps may run at once, at least 1; None for any number.
        artifacts: Who keeps what steps save.

    Returns:
        The outputs by step id, as their types. Steps without one, because a join rule let the run go on, are None.

    Raises:
        WorkflowInputError: The inputs do not fit.
        Exception: The original exception of the first step that failed, when all that could run has ended.
    """
    checked, _ = blueprint.inputs.check(inputs)
    scheduler = Scheduler(blueprint.dag, blueprint.joins)
    run = _InlineRun(blueprint, checked, config, artifacts)
    tasks: dict[asyncio.Task[Any], str] = {}
    try:
        while True:
            room = None if max_concurrency is None else max_concurrency - len(tasks)
            for step in scheduler.take_ready(room):
                tasks[asyncio.create_task(run.step(step))] = step
            if not tasks:
                break
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                step = tasks.pop(task)
                scheduler.ended(step, task.result())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if run.failure is not None:
        error = original_error(run.failure.exception)
        error.add_note(f"Step '{run.failure.record['node_id']}' of workflow '{blueprint.id}' failed.")
        raise error
    return {step: run.output(step) for step in blueprint.steps}


class _InlineRun:
    """What is known of one run."""

    def __init__(
        self, blueprint: Blueprint, inputs: Any, config: RunnableConfig, artifacts: ArtifactSink | None
    ) -> None:
        self._blueprint = blueprint
        self._inputs = inputs
        self._config = config
        self._artifacts = artifacts
        self._data: dict[str, bytes] = {}
        self.failure: Failure | None = None

    async def step(self, name: str) -> StepStatus:
        step = self._blueprint.steps[name]
        outputs = {before: self.output(before) for before in step.dependencies}
        context = StepContext(
            run_id="inline", workflow=self._blueprint.id, step=name, tenant="inline", sink=self._artifacts
        )
        outcome = await step.run(step.receives(self._inputs, outputs), context, self._config)
        if isinstance(outcome, Success):
            self._data[name] = outcome.value["output"].data
            return StepStatus.COMPLETED
        self.failure = self.failure or outcome
        return StepStatus.FAILED

    def output(self, name: str) -> Any:
        """Made anew for each who asks: what one step does to it is not for the next to see."""
        data = self._data.get(name)
        return None if data is None else self._blueprint.steps[name].output.load(data)
