"""Runs a workflow in memory, for `as_node()`: without a store, a cache or recovery."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langgraph_runner.errors.exceptions import note_once, original_error
from langgraph_runner.node import Success
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow.calling import OUTPUT, StepCall
from langgraph_runner.workflow.context import StepContext
from langgraph_runner.workflow.scheduler import Scheduler, StepStatus

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node import Failure, Outcome
    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.context import ArtifactSink
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["run_inline"]


async def run_inline(
    blueprint: Blueprint,
    inputs: Any,
    config: RunnableConfig,
    *,
    max_concurrency: int | None = None,
    artifacts: ArtifactSink | None = None,
) -> dict[str, Any]:
    """Run each step as soon as its dependencies have ended. Return the outputs by step id, as declared.

    The inputs are checked first. `config` is that of the node; the options are those of `as_node()`.

    Raises:
        WorkflowInputError: The inputs do not fit.
        GraphBubbleUp: LangGraph's control flow, such as an interrupt. Running steps are cancelled.
        Exception: The original exception of the first step that failed, after all other steps that can run have
            ended.
    """
    checked, _ = blueprint.inputs.check(inputs)
    run = _InlineRun(blueprint, checked, config, artifacts)
    await run.run_to_end(max_concurrency)
    if run.failure is not None:
        error = original_error(run.failure.exception)
        note_once(error, f"Step '{run.failure.record['node_id']}' of workflow '{blueprint.id}' failed.")
        raise error
    return {step: run.output(step) for step in blueprint.steps}


class _InlineRun:
    """One run, bound to one event loop."""

    def __init__(
        self, blueprint: Blueprint, inputs: Any, config: RunnableConfig, artifacts: ArtifactSink | None
    ) -> None:
        self._blueprint = blueprint
        self._inputs = inputs
        self._config = config
        self._artifacts = artifacts
        self._id = f"inline-{REAL_RUNTIMES.awaiting.token_hex(8)}"
        self._data: dict[str, bytes] = {}
        self.failure: Failure | None = None

    async def run_to_end(self, max_concurrency: int | None) -> None:
        """Run all steps that can run. If it is cancelled or a step raises, no task is left behind."""
        scheduler = Scheduler(self._blueprint.dag, self._blueprint.joins)
        tasks: dict[asyncio.Task[StepStatus], str] = {}
        # Not asyncio.wait(), which looks at every task each time one of them ends.
        ended: asyncio.Queue[asyncio.Task[StepStatus]] = asyncio.Queue()
        try:
            while not scheduler.is_over:
                room = None if max_concurrency is None else max_concurrency - len(tasks)
                for step in scheduler.take_ready(room):
                    task = asyncio.create_task(
                        self._run_step(self._blueprint.steps[step]), name=f"step-{step}"
                    )
                    tasks[task] = step
                    task.add_done_callback(ended.put_nowait)
                task = await ended.get()
                scheduler.ended(tasks[task], task.result())
                del tasks[task]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_step(self, step: BoundStep) -> StepStatus:
        context = StepContext(
            run_id=self._id, workflow=self._blueprint.id, step=step.id, sink=self._artifacts
        )
        try:
            call = StepCall(lambda: self._received(step), context)
        except Exception as error:  # An input_selector of the user may raise anything.
            outcome: Outcome = step.failed(error)
        else:
            outcome = await step.run(call, self._config)
        if isinstance(outcome, Success):
            self._data[step.id] = outcome.value[OUTPUT].data
            return StepStatus.COMPLETED
        self.failure = self.failure or outcome
        return StepStatus.FAILED

    def _received(self, step: BoundStep) -> Any:
        return step.receives(self._inputs, {before: self.output(before) for before in step.dependencies})

    def output(self, name: str) -> Any:
        """Return the output of a step as a new object, because the step that receives it may change it."""
        data = self._data.get(name)
        return None if data is None else self._blueprint.steps[name].output.load(data)
