"""Routes of workflows: list, describe, check inputs, metrics."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from langgraph_runner.errors import ErrorCode
from langgraph_runner.server.http.responses import json_response
from langgraph_runner.server.models import InputsRequest, WorkflowMetrics
from langgraph_runner.server.problems import BODY_REFUSALS, CALLER_REFUSALS, ApiCode, answers
from langgraph_runner.server.reading.step_metrics import workflow_metrics
from langgraph_runner.server.routes.service import UNCHANGED, AuthenticatedRoute, IfNoneMatch, ReadCall
from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["router"]

Name = Annotated[str, Path(max_length=128, description="The name of the workflow.")]

router = APIRouter(
    route_class=AuthenticatedRoute,
    prefix="/workflows",
    tags=["workflows"],
    responses=answers(*CALLER_REFUSALS, ApiCode.REQUEST_INVALID),
)
UNKNOWN_OR_UNCHANGED: Final = {**UNCHANGED, **answers(ErrorCode.WORKFLOW_UNKNOWN)}


@router.get("", response_model=list[WorkflowDescription], responses=UNCHANGED)
async def list_workflows(call: ReadCall, if_none_match: IfNoneMatch = None) -> Response:
    """List all workflows of the service."""
    return await json_response(await call.engine.describe_workflows(), if_none_match=if_none_match)


@router.get("/{name}", response_model=WorkflowDescription, responses=UNKNOWN_OR_UNCHANGED)
async def get_workflow(call: ReadCall, name: Name, if_none_match: IfNoneMatch = None) -> Response:
    """Describe a workflow: its steps with their dependencies, its changes, and the JSON schema of its inputs."""
    return await json_response(await call.engine.describe_workflow(name), if_none_match=if_none_match)


@router.post(
    "/{name}/check",
    status_code=204,
    responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ErrorCode.VALIDATION_FAILED, *BODY_REFUSALS),
)
async def check_inputs(call: ReadCall, name: Name, body: InputsRequest) -> None:
    """Check inputs without starting a run. Fields that the model does not have are refused, too."""
    await call.engine.check_inputs(name, body.inputs)


@router.get("/{name}/metrics", response_model=WorkflowMetrics, responses=UNKNOWN_OR_UNCHANGED)
async def get_workflow_metrics(
    call: ReadCall,
    name: Name,
    runs: Annotated[int, Query(ge=1, le=500, description="How many of the newest runs to count.")] = 100,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return outcomes, attempts and durations of each step in the tenant's recent runs."""
    steps = [*(await call.engine.get_workflow(name)).steps]
    metrics = await call.engine.store.read(workflow_metrics, call.tenant, name, steps, runs)
    return await json_response(metrics, if_none_match=if_none_match)
