"""`WorkflowRegistry`: the workflows that an engine can run, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import UnknownWorkflowError, WorkflowDefinitionError

if TYPE_CHECKING:
    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.builder import Workflow
    from langgraph_runner.workflow.definition.spec import WorkflowSpec

__all__ = ["WorkflowRegistry"]


class WorkflowRegistry:
    """Workflows by id. Register them before the first run; reading is thread-safe.

    Args:
        workflows: The first workflows to register.

    Raises:
        TypeError: `workflows` is not a list, or see `register`.
        WorkflowDefinitionError: See `register`.
    """

    def __init__(self, workflows: Iterable[Workflow | WorkflowSpec] = ()) -> None:
        if not isinstance(workflows, Iterable):
            raise TypeError(f"workflows must be a list of workflows, got {workflows!r:.80}.")
        self._blueprints: dict[str, Blueprint] = {}
        for workflow in workflows:
            self.register(workflow)

    def register(self, workflow: Workflow | WorkflowSpec) -> Blueprint:
        """Check a workflow and add it.

        Returns:
            The checked workflow; the existing one if it is registered already.

        Raises:
            TypeError: It is neither a `Workflow` nor a `WorkflowSpec`.
            WorkflowDefinitionError: It is invalid, or another workflow has its id. It is not added.
        """
        # These import LangGraph, which an engine without workflows does not need.
        from langgraph_runner.workflow.blueprint import Blueprint  # noqa: PLC0415
        from langgraph_runner.workflow.builder import Workflow  # noqa: PLC0415

        blueprint = workflow.blueprint() if isinstance(workflow, Workflow) else Blueprint(workflow)
        known = self._blueprints.setdefault(blueprint.id, blueprint)
        if known.spec is not blueprint.spec:
            problem = (
                "another workflow is registered under this id. Give one of the two another id. If it is the same"
                " workflow, register it only after its last step and change were added."
            )
            raise WorkflowDefinitionError(workflow=blueprint.id, problems=(problem,))
        if isinstance(workflow, Workflow):
            workflow.is_registered = True
        return known

    def get_workflow(self, name: str) -> Blueprint:
        """Return the workflow with this id.

        Raises:
            UnknownWorkflowError: No such workflow is registered. The message lists those that are.
        """
        if not isinstance(name, str) or name not in self._blueprints:
            known = ", ".join(self._blueprints) or "none"
            hint = did_you_mean(name, self._blueprints) if isinstance(name, str) else " Pass its id, a text."
            raise UnknownWorkflowError(workflow=str(name), hint=f"Registered: {known}.{hint}")
        return self._blueprints[name]

    def list_workflows(self) -> list[Blueprint]:
        """Return all workflows, in the order of registration."""
        return [*self._blueprints.values()]
