"""What can be wrong with a workflow or with what it is given, in one tree.

    WorkflowError                  of langgraph_runner.errors.NodeRunnerError
    ├── WorkflowDefinitionError    the workflow cannot be run by anybody: all its problems at once
    ├── UnknownWorkflowError       nobody has registered it; also LookupError
    ├── UnknownStepError           the workflow has no such step; also ValueError
    ├── WorkflowChangedError       a run cannot go on: the workflow has other steps now
    ├── WorkflowInputError         the inputs do not fit its model; also ValueError
    ├── ChangeRequestError         a change that it does not know, or that does not fit; also ValueError
    └── StepOutputError            what a step returned cannot be kept; also TypeError

Each has a stable `code` and survives pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


class WorkflowError(NodeRunnerError):
    """The root of what can be wrong with a workflow."""

    code = ErrorCode.VALIDATION_FAILED


class WorkflowDefinitionError(WorkflowError):
    """A workflow that cannot run.

    Attributes:
        workflow: Its id.
        problems: Each thing that is wrong, with the offender and the fix.
    """

    code = ErrorCode.WORKFLOW_INVALID

    def __init__(self, *, workflow: str, problems: tuple[str, ...]) -> None:
        shown = (
            problems
            if len(problems) <= _SHOWN
            else (*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more")
        )
        lines = "".join(f"\n  - {problem}" for problem in shown)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(render_message(self.code, workflow=workflow, count=count, problems=lines))
        self.workflow = workflow
        self.problems = problems


_SHOWN = 20


class UnknownWorkflowError(WorkflowError, LookupError):
    """Nobody has registered a workflow of this name.

    Attributes:
        workflow: What was asked for.
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
    """A run cannot go on, because its workflow has other steps now than when the run was made.

    Attributes:
        workflow: Its id.
        removed: The steps of the run that the workflow does not have any more.
        added: The steps of the run that have not ended and now depend on new steps, with the ids of those.
    """

    code = ErrorCode.WORKFLOW_CHANGED

    def __init__(
        self, *, workflow: str, removed: tuple[str, ...], added: Mapping[str, tuple[str, ...]]
    ) -> None:
        parts = [f"it has no step '{step}' any more" for step in removed]
        parts += [
            f"step '{step}' now depends on {_quoted(names)}, which the run does not have"
            for step, names in added.items()
        ]
        more = f"; and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        difference = "; ".join(parts[:_SHOWN]) + more
        super().__init__(render_message(self.code, workflow=workflow, difference=difference))
        self.workflow = workflow
        self.removed = removed
        self.added = dict(added)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class WorkflowInputError(WorkflowError, ValueError):
    """The inputs of a run do not fit the model of the workflow. No run was made.

    Attributes:
        workflow: Its id.
    """

    def __init__(self, *, workflow: str, problem: str) -> None:
        super().__init__(f"The inputs do not fit workflow '{workflow}': {problem}")
        self.workflow = workflow


class ChangeRequestError(WorkflowError, ValueError):
    """A change request that the workflow does not know, or whose payload does not fit.

    Attributes:
        workflow: Its id.
        type: The type of the change.
    """

    def __init__(self, *, workflow: str, type: str, problem: str) -> None:  # noqa: A002 - the change's own word
        super().__init__(f"Change '{type}' of workflow '{workflow}': {problem}")
        self.workflow = workflow
        self.type = type


class StepOutputError(WorkflowError, TypeError):
    """What a step returned is not what it declares, or cannot be kept.

    Attributes:
        step: The id of the step.
        problem: What is wrong with it, and the fix.
    """

    code = ErrorCode.INVALID_NODE_OUTPUT

    def __init__(self, *, step: str, problem: str) -> None:
        super().__init__(f"Step '{step}': {problem}")
        self.step = step
        self.problem = problem
