"""Routes of workflows: list, describe, check inputs, metrics."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from langgraph_runner.errors import ErrorCode
from langgraph_runner.server.models import InputsRequest, WorkflowMetrics
from langgraph_runner.server.problems import BODY_REFUSALS, CALLER_REFUSALS, ApiCode, answers
from langgraph_runner.server.reading.step_metrics import workflow_metrics
from langgraph_runner.server.routes.service import AuthenticatedRoute, ReadCall
from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["router"]

Name = Annotated[str, Path(max_length=128, description="The name of the workflow.")]

router = APIRouter(
    route_class=AuthenticatedRoute,
    prefix="/workflows",
    tags=["workflows"],
    responses=answers(*CALLER_REFUSALS),
)


@router.get("")
async def list_workflows(call: ReadCall) -> list[WorkflowDescription]:
    """List all workflows of the service."""
    return await call.engine.describe_workflows()


@router.get("/{name}", responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ApiCode.REQUEST_INVALID))
async def get_workflow(call: ReadCall, name: Name) -> WorkflowDescription:
    """Describe a workflow: its steps with their dependencies, its changes, and the JSON schema of its inputs."""
    return await call.engine.describe_workflow(name)


@router.post(
    "/{name}/check",
    status_code=204,
    responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ErrorCode.VALIDATION_FAILED, *BODY_REFUSALS),
)
async def check_inputs(call: ReadCall, name: Name, body: InputsRequest) -> None:
    """Check inputs without starting a run. Fields that the model does not have are refused, too."""
    await call.engine.check_inputs(name, body.inputs)


@router.get("/{name}/metrics", responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ApiCode.REQUEST_INVALID))
async def get_workflow_metrics(
    call: ReadCall,
    name: Name,
    runs: Annotated[int, Query(ge=1, le=500, description="How many of the newest runs to count.")] = 100,
) -> WorkflowMetrics:
    """Return outcomes, attempts and durations of each step in the tenant's recent runs."""
    steps = [*(await call.engine.get_workflow(name)).steps]
    return await call.engine.store.read(workflow_metrics, call.tenant, name, steps, runs)
