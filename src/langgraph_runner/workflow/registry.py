"""`WorkflowRegistry`: the workflows that an engine can run, by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.builder import Workflow
from langgraph_runner.workflow.errors import UnknownWorkflowError, WorkflowDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.workflow.spec import WorkflowSpec

__all__ = ["WorkflowRegistry"]


class WorkflowRegistry:
    """Workflows by id. Register before you run; reading is thread-safe.

    Args:
        workflows: What to register at once.

    Raises:
        WorkflowDefinitionError: See `register`.
    """

    def __init__(self, workflows: Iterable[Workflow | WorkflowSpec] = ()) -> None:
        self._blueprints: dict[str, Blueprint] = {}
        for workflow in workflows:
            self.register(workflow)

    def register(self, workflow: Workflow | WorkflowSpec) -> Blueprint:
        """Check a workflow and add it.

        Raises:
            WorkflowDefinitionError: It cannot run, or there is another one of its id. It is not added.
        """
        blueprint = workflow.blueprint() if isinstance(workflow, Workflow) else Blueprint(workflow)
        known = self._blueprints.get(blueprint.id)
        if known is not None and known.spec is not blueprint.spec:
            raise WorkflowDefinitionError(
                workflow=blueprint.id,
                problems=("there is another workflow of this id; rename one of the two.",),
            )
        self._blueprints[blueprint.id] = blueprint
        return blueprint

    def get_workflow(self, name: str) -> Blueprint:
        """The workflow of this id.

        Raises:
            UnknownWorkflowError: There is none; the error names what there is.
        """
        if name not in self._blueprints:
            close = get_close_matches(name, self._blueprints, n=1)
            known = ", ".join(self._blueprints) or "none"
            hint = f"Did you mean '{close[0]}'?" if close else f"Registered: {known}."
            raise UnknownWorkflowError(workflow=name, hint=hint)
        return self._blueprints[name]

    def list_workflows(self) -> list[Blueprint]:
        """All of them, in the order of registration."""
        return [*self._blueprints.values()]
