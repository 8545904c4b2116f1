"""`ServiceOutputs`: the outputs of runs, read from a service in the calling thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.client.reader import result_step
from langgraph_runner.engine.outputs import OutputSource
from langgraph_runner.runtime.runtimes import drive
from langgraph_runner.workflow import StepStatus
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.client.reader import ClientReader

__all__ = ["ServiceOutputs"]


class ServiceOutputs(OutputSource):
    """Reads outputs from a service. Thread-safe.

    Args:
        reader: Returns a reader whose coroutines never suspend.
    """

    def __init__(self, reader: Callable[[], ClientReader]) -> None:
        self._reader = reader

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """Return the output of a step, as its type."""
        return drive(self._reader().get_output(run_id, step, tenant=tenant))

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """Return the steps that have an output."""
        steps = drive(self._reader().get_run_steps(run_id, tenant=tenant))
        return [
            each.step for each in steps if each.status is StepStatus.COMPLETED or each.reason in DELIVERING
        ]

    def result_step(self, workflow: str) -> str:
        """Return the step whose output is the result of a run."""
        return result_step(drive(self._reader().describe_workflow(workflow)))
