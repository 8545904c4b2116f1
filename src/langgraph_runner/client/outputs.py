"""`ServiceOutputs`: the outputs of runs, read from a service in the calling thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.engine.outputs import OutputSource
from langgraph_runner.runtime.runtimes import drive
from langgraph_runner.workflow import StepStatus
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.client.reading import ClientReader
    from langgraph_runner.workflow.definition.describing import WorkflowDescription

__all__ = ["ServiceOutputs", "result_step"]


class ServiceOutputs(OutputSource):
    """Reads outputs from a service. Safe for any thread.

    Args:
        blocking: Gives a client whose coroutines never suspend.
    """

    def __init__(self, blocking: Callable[[], ClientReader]) -> None:
        self._blocking = blocking

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """The output of a step, as its type."""
        return drive(self._blocking().get_output(run_id, step, tenant=tenant))

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """The steps that have an output."""
        steps = drive(self._blocking().get_run_steps(run_id, tenant=tenant))
        return [
            each.step for each in steps if each.status is StepStatus.COMPLETED or each.reason in DELIVERING
        ]

    def result_step(self, workflow: str) -> str:
        """The step whose output is the result of a run."""
        return result_step(drive(self._blocking().describe_workflow(workflow)))


def result_step(workflow: WorkflowDescription) -> str:
    """The step whose output is the result of a run.

    Raises:
        LookupError: The workflow has several final steps and names none as its result.
    """
    if workflow.result is None:
        raise LookupError(
            f"Workflow '{workflow.id}' has several final steps, so it has no one result: name the step with"
            " Workflow(..., result=), or ask for the output of a step."
        )
    return workflow.result
