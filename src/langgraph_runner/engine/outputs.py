"""`RunOutputs`: what the steps of a run have delivered, read from the database when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from langgraph_runner.engine.errors import RunNotFoundError
from langgraph_runner.engine.store import reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.workflow import WorkflowRegistry

__all__ = ["OutputSource", "RunOutputs", "delivered"]


def delivered(connection: Connection, tenant: str, run_id: str, step: str) -> tuple[str, bytes]:
    """The workflow of a run, and the output of one of its steps as JSON. A query for `RunStore.read`.

    Raises:
        RunNotFoundError: The tenant has no such run.
        LookupError: It has no such step, or the step has delivered nothing.
    """
    found = reads.step_output(connection, tenant, run_id, step)
    if found is None:
        raise RunNotFoundError(run_id=run_id)
    if found.status is None:
        steps = [row.step for row in reads.steps_of(connection, tenant, run_id)]
        raise LookupError(f"Run '{run_id}' has no step '{step}', but {', '.join(steps)}.")
    if found.data is None:
        raise LookupError(f"Step '{step}' of run '{run_id}' is {found.status}: it has no output.")
    return found.workflow, found.data


class OutputSource:
    """The engine that a `Run` came from, as far as its outputs are concerned. Safe for any thread.

    No part of the value of a run: one source equals any other, and a pickled run has an empty one.

    Args:
        store: Where outputs are kept; None if the run came from no engine.
        workflows: What can turn them into their types.
    """

    def __init__(self, store: RunStore | None = None, workflows: WorkflowRegistry | None = None) -> None:
        self._store = store
        self._workflows = workflows

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """The output of a step, as its type."""
        store, workflows = self._opened()
        workflow, data = store.read_now(delivered, tenant, run_id, step)
        return workflows.get_workflow(workflow).steps[step].output.load(data)

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """The steps that have delivered."""
        return self._opened()[0].read_now(reads.delivered_steps, tenant, run_id)

    def result_step(self, workflow: str) -> str:
        """The step whose output is the result of a run."""
        return self._opened()[1].get_workflow(workflow).result_step

    def _opened(self) -> tuple[RunStore, WorkflowRegistry]:
        if self._store is None or self._workflows is None:
            raise RuntimeError(
                "This run was pickled or built by hand, so it cannot read its outputs; ask an engine:"
                " get_output(run.id, step)."
            )
        return self._store, self._workflows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputSource)

    def __hash__(self) -> int:
        return hash(OutputSource)

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return OutputSource, ()


class RunOutputs(Mapping[str, Any]):
    """The outputs of a run by step, of those steps that have delivered. Each access reads the database.

    Args:
        source: Where to read.
        tenant: Whose run it is.
        run_id: The run.
    """

    def __init__(self, source: OutputSource, tenant: str, run_id: str) -> None:
        self._source = source
        self._tenant = tenant
        self._run_id = run_id

    def __getitem__(self, step: str) -> Any:
        try:
            return self._source.output(self._tenant, self._run_id, step)
        except RunNotFoundError:
            raise
        except LookupError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.steps(self._tenant, self._run_id))

    def __len__(self) -> int:
        return len(self._source.steps(self._tenant, self._run_id))

    def __repr__(self) -> str:
        return f"<outputs of run {self._run_id}>"
