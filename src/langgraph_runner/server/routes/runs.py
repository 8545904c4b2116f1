"""Runs: made, listed, looked at, changed, followed."""

import asyncio
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from langgraph_runner.engine import ArtifactError, Run, RunPlan, RunStep
from langgraph_runner.engine.checks import MAX_KEY
from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.server.events import event_stream
from langgraph_runner.server.models import (
    SAFE,
    ArtifactDescription,
    CancelRequest,
    PlanRequest,
    RetryRequest,
    RunFilter,
    RunPage,
    RunRequest,
    UpdateRequest,
)
from langgraph_runner.server.pages import page_of_runs
from langgraph_runner.server.problems import CALLER_REFUSALS, ApiCode, ApiError, answers, checked
from langgraph_runner.server.query import parameters_of, query_of
from langgraph_runner.server.responses import json_response
from langgraph_runner.server.service import Guarded, Reading, Running
from langgraph_runner.workflow import ArtifactRef, StepStatus

__all__ = ["router"]

_MAX_SEQ: Final = 2**63 - 1
_FILE_HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "private, max-age=31536000, immutable",
}
MAX_WAIT_MS: Final = 30_000
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["0198f4c09a2b7d1e4f60a1b2c3d4"])]
StepId = Annotated[str, Path(max_length=128, pattern=SAFE)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        description="Of two equal requests with one key the second gets the run of the first.",
    ),
]


router = APIRouter(
    route_class=Guarded,
    prefix="/runs",
    tags=["runs"],
    responses=answers(*CALLER_REFUSALS, ApiCode.REQUEST_INVALID),
)
NOT_FOUND: Final = answers(ErrorCode.RUN_NOT_FOUND)
DERIVED: Final = answers(
    ErrorCode.RUN_NOT_FOUND, ErrorCode.RUN_STATE, ErrorCode.IDEMPOTENCY_CONFLICT, ApiCode.BODY_TOO_LARGE
)


@router.post(
    "",
    status_code=201,
    response_model=Run,
    responses=answers(ErrorCode.WORKFLOW_UNKNOWN, ErrorCode.IDEMPOTENCY_CONFLICT, ApiCode.BODY_TOO_LARGE),
)
async def create_run(call: Running, body: RunRequest, key: Key = None) -> Response:
    """Make a run. Its inputs are checked first; when this answers, the run is durable."""
    trigger = call.engine.trigger(
        body.workflow, body.inputs, tenant=call.tenant, idempotency_key=key, **body.given()
    )
    return _made(await call.change("run.create", body.workflow, trigger))


@router.get("", response_model=RunPage, openapi_extra={"parameters": parameters_of(RunFilter)})
async def list_runs(call: Reading) -> Response:
    """The tenant's runs, the newest first. A page ends early where it would be longer than 4 MiB."""
    asked = query_of(call, RunFilter)
    page = await call.service.shared_reads.read(
        ("runs", call.tenant, call.url.query), lambda: page_of_runs(call.engine, call.tenant, asked)
    )
    return Response(page, media_type="application/json")


@router.get(
    "/{run_id}",
    response_model=Run,
    responses={304: {"description": "It is as `If-None-Match` says."}, **NOT_FOUND},
)
async def get_run(
    call: Reading,
    run_id: RunId,
    if_none_match: Annotated[str | None, Header()] = None,
    wait_ms: Annotated[
        int, Query(ge=0, le=MAX_WAIT_MS, description="Answer when the run is over, or after so many ms.")
    ] = 0,
) -> Response:
    """A run, with the number of its steps by status, and an `ETag`."""
    run = await call.engine.get_run(run_id, tenant=call.tenant)
    if wait_ms and not run.status.is_over:
        try:
            run = await call.engine.wait(run_id, tenant=call.tenant, timeout_ms=wait_ms)
        except TimeoutError:
            run = await call.engine.get_run(run_id, tenant=call.tenant)
    return json_response(run, if_none_match=if_none_match)


@router.get("/{run_id}/steps", responses=NOT_FOUND)
async def get_run_steps(
    call: Reading, run_id: RunId, status: Annotated[list[StepStatus] | None, Query()] = None
) -> list[RunStep]:
    """Its steps in the workflow's order, all or those of a status."""
    asked = None if status is None else [str(each) for each in status]
    return await call.engine.get_run_steps(run_id, tenant=call.tenant, status=asked)


@router.get("/{run_id}/steps/{step}/output", response_model=None, responses=NOT_FOUND)
async def get_output(call: Reading, run_id: RunId, step: StepId) -> Response:
    """What a step has delivered, as JSON."""
    try:
        data = await call.engine.get_output_json(run_id, step, tenant=call.tenant)
    except LookupError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise ApiError(ApiCode.NOT_FOUND, str(error)) from error
    return Response(data, media_type="application/json")


@router.get("/{run_id}/artifacts", responses=NOT_FOUND)
async def get_run_artifacts(call: Reading, run_id: RunId) -> list[ArtifactDescription]:
    """The files of a run, by step and name."""
    found = await call.engine.get_run_artifacts(run_id, tenant=call.tenant)
    return [_described(run_id, step, each) for step, files in found.items() for each in files]


@router.get(
    "/{run_id}/artifacts/{step}/{name:path}",
    response_class=Response,
    responses={
        200: {"content": {"*/*": {}}},
        **answers(ErrorCode.RUN_NOT_FOUND, ApiCode.NOT_FOUND, ErrorCode.ARTIFACT_FAILED),
    },
)
async def get_artifact(
    call: Reading,
    run_id: RunId,
    step: StepId,
    name: Annotated[str, Path(max_length=512, pattern=SAFE)],
) -> Response:
    """The content of a file. A browser shows it in a sandbox: what is in it runs no scripts."""
    files = (await call.engine.get_run_artifacts(run_id, tenant=call.tenant)).get(step, ())
    artifact = next((each for each in files if each.name == name), None)
    if artifact is None:
        raise ApiError(ApiCode.NOT_FOUND, f"Step '{step}' has no artifact '{name}'.")
    path = call.engine.artifact_files.local_path(artifact)
    if path is None:  # It is in an object store, say.
        data = await call.engine.read_artifact(artifact, tenant=call.tenant)
        filename = quote(name.rpartition("/")[2], safe="")
        return Response(
            data,
            media_type=artifact.media_type,
            headers={**_FILE_HEADERS, "Content-Disposition": f"inline; filename*=utf-8''{filename}"},
        )
    if not await asyncio.to_thread(path.is_file):
        raise ArtifactError(name=name, problem="its file is gone. A further run makes it again.")
    return FileResponse(
        path,
        media_type=artifact.media_type,
        filename=name.rpartition("/")[2],
        content_disposition_type="inline",
        headers=_FILE_HEADERS,
    )


@router.post("/{run_id}/update", status_code=201, response_model=Run, responses=DERIVED)
async def update_run(call: Running, run_id: RunId, body: UpdateRequest, key: Key = None) -> Response:
    """Make a run that differs from a completed one by a change; what that does not touch is reused."""
    trigger = call.engine.trigger_update(
        run_id, body.change.as_request(), tenant=call.tenant, idempotency_key=key, **body.given()
    )
    return _made(await call.change("run.update", run_id, trigger))


@router.post(
    "/{run_id}/plan",
    responses=answers(ErrorCode.RUN_NOT_FOUND, ErrorCode.RUN_STATE, ApiCode.BODY_TOO_LARGE),
)
async def plan_update(call: Reading, run_id: RunId, body: PlanRequest) -> RunPlan:
    """What an update would do with each step, and why. Nothing runs."""
    with checked():
        return await call.engine.plan(
            run_id,
            body.change.as_request(),
            tenant=call.tenant,
            force=body.force,
            use_cache=body.use_cache,
        )


@router.post("/{run_id}/cancel", response_model=Run, responses=NOT_FOUND)
async def cancel_run(call: Running, run_id: RunId, body: CancelRequest | None = None) -> Response:
    """Cancel a run, for good. One that is over stays as it is."""
    reason = (body or CancelRequest()).reason
    cancel = call.engine.cancel(run_id, tenant=call.tenant, reason=reason)
    return json_response(await call.change("run.cancel", run_id, cancel))


@router.post("/{run_id}/retry", status_code=201, response_model=Run, responses=DERIVED)
async def retry_run(
    call: Running, run_id: RunId, body: RetryRequest | None = None, key: Key = None
) -> Response:
    """Go on with a failed or cancelled run from where it stopped, as a new run."""
    options = (body or RetryRequest()).given()
    trigger = call.engine.trigger_retry(run_id, tenant=call.tenant, idempotency_key=key, **options)
    return _made(await call.change("run.retry", run_id, trigger))


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "The run is over, and `Last-Event-ID` is its last event."},
        **NOT_FOUND,
    },
)
async def follow_events(
    call: Reading,
    run_id: RunId,
    last_event_id: Annotated[
        int, Header(ge=0, le=_MAX_SEQ, description="Only what came after this event.")
    ] = 0,
    follow: Annotated[
        bool, Query(description="Whether to wait for more events until the run is over.")
    ] = True,
) -> Response:
    """What happens in a run, as server-sent events, until it is over. Resume with `Last-Event-ID`."""
    return await event_stream(
        call.engine,
        run_id,
        call.tenant,
        last_event_id,
        follow=follow,
        is_allowed=call.is_still_allowed,
    )


def _made(run: Run) -> Response:
    return json_response(run, status=201, headers={"Location": f"/runs/{run.id}"})


def _described(run_id: str, step: str, artifact: ArtifactRef) -> ArtifactDescription:
    return ArtifactDescription(
        step=step,
        name=artifact.name,
        media_type=artifact.media_type,
        size=artifact.size,
        sha256=artifact.sha256,
        href=f"/runs/{run_id}/artifacts/{quote(step, safe='')}/{quote(artifact.name)}",
    )
