"""The errors of workflows, in one tree.

    WorkflowError                  a langgraph_runner.errors.NodeRunnerError
    ├── WorkflowDefinitionError    the workflow is invalid; lists all its problems
    ├── UnknownWorkflowError       no workflow is registered under this id; also LookupError
    ├── UnknownStepError           the workflow has no such step; also ValueError
    ├── WorkflowChangedError       a run cannot continue, because the workflow has other steps now
    ├── WorkflowInputError         the inputs do not fit their model; also ValueError
    ├── ChangeRequestError         the type of a change is unknown, or its payload does not fit; also ValueError
    └── StepOutputError            the output of a step cannot be stored; also TypeError

Each has a stable `code` and survives pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ChangeRequestError",
    "StepOutputError",
    "UnknownStepError",
    "UnknownWorkflowError",
    "WorkflowChangedError",
    "WorkflowDefinitionError",
    "WorkflowError",
    "WorkflowInputError",
]

_MAX_SHOWN: Final = 20


class WorkflowError(NodeRunnerError):
    """The base class of all errors of workflows."""

    code = ErrorCode.VALIDATION_FAILED


class WorkflowDefinitionError(WorkflowError):
    """A workflow is invalid.

    Attributes:
        workflow: Its id.
        problems: All problems, each with the part that causes it and the fix.
    """

    code = ErrorCode.WORKFLOW_INVALID

    def __init__(self, *, workflow: str, problems: tuple[str, ...]) -> None:
        shown = problems
        if len(problems) > _MAX_SHOWN:
            shown = (*problems[:_MAX_SHOWN], f"and {len(problems) - _MAX_SHOWN} more")
        lines = "".join(f"\n  - {problem}" for problem in shown)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(render_message(self.code, workflow=workflow, count=count, problems=lines))
        self.workflow = workflow
        self.problems = problems


class UnknownWorkflowError(WorkflowError, LookupError):
    """No workflow is registered under this id.

    Attributes:
        workflow: The unknown id.
    """

    code = ErrorCode.WORKFLOW_UNKNOWN

    def __init__(self, *, workflow: str, hint: str) -> None:
        super().__init__(render_message(self.code, workflow=workflow, hint=hint))
        self.workflow = workflow


class UnknownStepError(WorkflowError, ValueError):
    """A call names a step that the workflow does not have.

    Attributes:
        workflow: Its id.
        step: The unknown id.
    """

    def __init__(self, *, workflow: str, step: str, problem: str) -> None:
        super().__init__(problem)
        self.workflow = workflow
        self.step = step


class WorkflowChangedError(WorkflowError):
    """A run cannot continue, because its workflow has other steps now than when the run was created.

    Attributes:
        workflow: Its id.
        removed: The steps of the run that the workflow no longer has.
        added: The steps of the run that have not ended and now depend on new steps, with the ids of the new steps.
    """

    code = ErrorCode.WORKFLOW_CHANGED

    def __init__(
        self, *, workflow: str, removed: tuple[str, ...], added: Mapping[str, tuple[str, ...]]
    ) -> None:
        parts = [f"it has no step '{step}' any more" for step in removed]
        for step, names in added.items():
            quoted = ", ".join(f"'{name}'" for name in names)
            parts.append(f"step '{step}' now depends on {quoted}, which the run does not have")
        more = f"; and {len(parts) - _MAX_SHOWN} more" if len(parts) > _MAX_SHOWN else ""
        difference = "; ".join(parts[:_MAX_SHOWN]) + more
        super().__init__(render_message(self.code, workflow=workflow, difference=difference))
        self.workflow = workflow
        self.removed = removed
        self.added = dict(added)


class WorkflowInputError(WorkflowError, ValueError):
    """The inputs of a run do not fit the model of the workflow. No run was created.

    Attributes:
        workflow: Its id.
    """

    def __init__(self, *, workflow: str, problem: str) -> None:
        super().__init__(f"The inputs do not fit workflow '{workflow}': {problem}")
        self.workflow = workflow


class ChangeRequestError(WorkflowError, ValueError):
    """The workflow does not know the type of a change request, or its payload does not fit.

    Attributes:
        workflow: Its id.
        type: The type of the change.
    """

    def __init__(self, *, workflow: str, type: str, problem: str) -> None:  # noqa: A002 - the change's own word
        super().__init__(f"Change '{type}' of workflow '{workflow}': {problem}")
        self.workflow = workflow
        self.type = type


class StepOutputError(WorkflowError, TypeError):
    """The output of a step is not of the declared type, or cannot be stored.

    Attributes:
        step: The id of the step.
        problem: The problem and the fix.
    """

    code = ErrorCode.INVALID_NODE_OUTPUT

    def __init__(self, *, step: str, problem: str) -> None:
        super().__init__(f"Step '{step}': {problem}")
        self.step = step
        self.problem = problem
