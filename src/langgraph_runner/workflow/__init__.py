"""A DAG of plain functions as data: written with a decorator, checked, hashed, changed, and run inside LangGraph."""

from langgraph_runner.workflow.blueprint import Blueprint
from langgraph_runner.workflow.builder import StepOptions, Workflow
from langgraph_runner.workflow.changes import ChangeRequest
from langgraph_runner.workflow.context import ArtifactRef, ArtifactSink, StepContext
from langgraph_runner.workflow.dag import Dag
from langgraph_runner.workflow.errors import (
    ChangeRequestError,
    StepOutputError,
    UnknownWorkflowError,
    WorkflowDefinitionError,
    WorkflowError,
    WorkflowInputError,
)
from langgraph_runner.workflow.graphs import WorkflowState
from langgraph_runner.workflow.registry import WorkflowRegistry
from langgraph_runner.workflow.scheduler import FailureMode, Reason, Scheduler, StepStatus
from langgraph_runner.workflow.spec import (
    CacheScope,
    ChangeSpec,
    JoinRule,
    StepSources,
    StepSpec,
    WorkflowSpec,
)

__all__ = [
    "ArtifactRef",
    "ArtifactSink",
    "Blueprint",
    "CacheScope",
    "ChangeRequest",
    "ChangeRequestError",
    "ChangeSpec",
    "Dag",
    "FailureMode",
    "JoinRule",
    "Reason",
    "Scheduler",
    "StepContext",
    "StepOptions",
    "StepOutputError",
    "StepSources",
    "StepSpec",
    "StepStatus",
    "UnknownWorkflowError",
    "Workflow",
    "WorkflowDefinitionError",
    "WorkflowError",
    "WorkflowInputError",
    "WorkflowRegistry",
    "WorkflowSpec",
    "WorkflowState",
]
