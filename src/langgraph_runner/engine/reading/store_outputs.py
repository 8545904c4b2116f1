"""`StoreOutputs`: the outputs of runs, read from the database of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.engine.errors import RunNotFoundError
from langgraph_runner.engine.outputs import OutputSource
from langgraph_runner.engine.store import queries

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.workflow import WorkflowRegistry

__all__ = ["StoreOutputs", "find_output"]


def find_output(connection: Connection, tenant: str, run_id: str, step: str) -> tuple[str, bytes]:
    """Return the workflow of a run, and the output of one of its steps as JSON. A query for `RunStore.read`.

    Raises:
        RunNotFoundError: The tenant has no such run.
        LookupError: The run has no such step, or the step has no output.
    """
    found = queries.step_output(connection, tenant, run_id, step)
    if found is None:
        raise RunNotFoundError(run_id=run_id)
    if found.status is None:
        steps = [row.step for row in queries.steps_of(connection, tenant, run_id)]
        raise LookupError(f"Run '{run_id}' has no step '{step}'. Its steps: {', '.join(steps)}.")
    if found.data is None:
        raise LookupError(f"Step '{step}' of run '{run_id}' has the status '{found.status}' and no output.")
    return found.workflow, found.data


class StoreOutputs(OutputSource):
    """Reads outputs from a database. Safe for any thread."""

    def __init__(self, store: RunStore, workflows: WorkflowRegistry) -> None:
        self._store = store
        self._workflows = workflows

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """Return the output of a step, as its type."""
        workflow, data = self._store.read_now(find_output, tenant, run_id, step)
        return self._workflows.get_workflow(workflow).steps[step].output.load(data)

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """Return the steps that have an output."""
        return self._store.read_now(queries.delivered_steps, tenant, run_id)

    def result_step(self, workflow: str) -> str:
        """Return the step whose output is the result of a run."""
        return self._workflows.get_workflow(workflow).result_step
