"""Workflows: what can be run."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from langgraph_runner.errors import ErrorCode
from langgraph_runner.server.models import InputsRequest, WorkflowMetrics
from langgraph_runner.server.problems import CALLER_REFUSALS, ApiCode, answers
from langgraph_runner.server.service import Guarded, Reading
from langgraph_runner.server.step_metrics import workflow_metrics
from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["router"]

Name = Annotated[str, Path(max_length=128)]

router = APIRouter(
    route_class=Guarded,
    prefix="/workflows",
    tags=["workflows"],
    responses=answers(*CALLER_REFUSALS),
)


@router.get("")
async def list_workflows(call: Reading) -> list[WorkflowDescription]:
    """All workflows of the engine."""
    return await call.engine.describe_workflows()


@router.get("/{name}", responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ApiCode.REQUEST_INVALID))
async def get_workflow(call: Reading, name: Name) -> WorkflowDescription:
    """One of them: its steps with what they depend on, its changes, and the JSON schema of its inputs."""
    return await call.engine.describe_workflow(name)


@router.post(
    "/{name}/check",
    status_code=204,
    responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ApiCode.REQUEST_INVALID, ApiCode.BODY_TOO_LARGE),
)
async def check_inputs(call: Reading, name: Name, body: InputsRequest) -> None:
    """Check inputs without making a run. A field that their model would drop is refused, too."""
    await call.engine.check_inputs(name, body.inputs)


@router.get("/{name}/metrics", responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ApiCode.REQUEST_INVALID))
async def get_workflow_metrics(
    call: Reading,
    name: Name,
    runs: Annotated[int, Query(ge=1, le=500, description="How many of the newest runs count.")] = 100,
) -> WorkflowMetrics:
    """How each of its steps did in the tenant's recent runs: outcomes, attempts, durations."""
    steps = [*(await call.engine.get_workflow(name)).steps]
    return await call.engine.store.read(workflow_metrics, call.tenant, name, steps, runs)
