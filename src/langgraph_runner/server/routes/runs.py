"""Routes of runs: start, list, read, update, retry, cancel and follow."""

import asyncio
from contextlib import suppress
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BeforeValidator
from starlette.responses import MalformedRangeHeader

from langgraph_runner.engine import Run, RunPlan
from langgraph_runner.engine.checks import HEADER_TEXT, MAX_KEY
from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.server.http.query import parameters_of, query_of
from langgraph_runner.server.http.responses import event_stream, is_unchanged, json_data, json_response
from langgraph_runner.server.models import (
    SAFE,
    ArtifactDescription,
    CancelRequest,
    PlanRequest,
    RetryRequest,
    RunFilter,
    RunPage,
    RunRequest,
    StepPage,
    UpdateRequest,
)
from langgraph_runner.server.problems import (
    BODY_REFUSALS,
    CALLER_REFUSALS,
    ApiCode,
    ApiError,
    answers,
    checked,
)
from langgraph_runner.server.reading.pages import page_of_runs, page_of_steps
from langgraph_runner.server.routes.service import (
    UNCHANGED,
    AuthenticatedRoute,
    IfNoneMatch,
    ReadCall,
    RunCall,
)
from langgraph_runner.workflow import ArtifactRef, StepStatus
from langgraph_runner.workflow.context import is_media_type
from langgraph_runner.workflow.values.off_loop import MANY_ROWS, run_off_loop

__all__ = ["router"]

_MAX_SEQ: Final = 2**63 - 1
_FILE_HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "private, max-age=31536000, immutable",
}
MAX_WAIT_MS: Final = 30_000
RunId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        examples=["0198f4c09a2b7d1e4f60a1b2c3d4"],
        description="The id of the run.",
    ),
]
StepId = Annotated[str, Path(max_length=128, pattern=SAFE, description="The id of the step.")]


def _refuse_unreadable(key: str | None) -> str | None:
    """Refuse text outside ASCII. Headers are read as Latin-1, so the run would get another key than the caller's."""
    if key is not None and not key.isascii():
        raise ValueError("must be printable ASCII, as headers have no other text")
    return key


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        pattern=HEADER_TEXT,
        description="Makes the request safe to repeat: an equal request with the same key returns the existing run."
        " Printable ASCII.",
    ),
    BeforeValidator(_refuse_unreadable),
]


class _RangedFile(FileResponse):
    """A file, or the bytes that the header `Range` asks for."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        """Ignore a header that is not valid, as RFC 9110, section 14.2, asks; starlette would answer 400."""
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            return []


router = APIRouter(
    route_class=AuthenticatedRoute,
    prefix="/runs",
    tags=["runs"],
    responses=answers(*CALLER_REFUSALS, ApiCode.REQUEST_INVALID),
)
RUN_NOT_FOUND: Final = answers(ErrorCode.RUN_NOT_FOUND)
DERIVED: Final = answers(
    ErrorCode.RUN_NOT_FOUND,
    ErrorCode.RUN_STATE,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.VALIDATION_FAILED,
    *BODY_REFUSALS,
)
"""Refusals of a route that derives a run from another one."""


@router.post(
    "",
    status_code=201,
    response_model=Run,
    responses=answers(
        ErrorCode.WORKFLOW_UNKNOWN,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.VALIDATION_FAILED,
        *BODY_REFUSALS,
    ),
)
async def create_run(call: RunCall, body: RunRequest, key: Key = None) -> Response:
    """Start a run. Its inputs are checked first. Once the response arrives, the run is durable."""
    trigger = call.engine.trigger(
        body.workflow, body.inputs, tenant=call.tenant, idempotency_key=key, **body.given()
    )
    return await _created(call, await call.change("run.create", body.workflow, trigger))


@router.get(
    "",
    response_model=RunPage,
    responses=UNCHANGED,
    openapi_extra={"parameters": parameters_of(RunFilter)},
)
async def list_runs(call: ReadCall, if_none_match: IfNoneMatch = None) -> Response:
    """List the tenant's runs, newest first. A page has fewer than `limit` runs where it would exceed 4 MiB."""
    asked = query_of(call, RunFilter)
    page = await call.service.shared_reads.read(
        ("runs", call.tenant, call.url.query), lambda: page_of_runs(call.engine, call.tenant, asked)
    )
    return json_data(page, if_none_match=if_none_match)


@router.get(
    "/{run_id}",
    response_model=Run,
    responses={**UNCHANGED, **RUN_NOT_FOUND},
)
async def get_run(
    call: ReadCall,
    run_id: RunId,
    if_none_match: IfNoneMatch = None,
    wait_ms: Annotated[
        int,
        Query(
            ge=0,
            le=MAX_WAIT_MS,
            description="Respond when the run is over, or after this time, in milliseconds.",
        ),
    ] = 0,
) -> Response:
    """Return a run, with the number of its steps by status, and an `ETag`."""
    run = await call.engine.get_run(run_id, tenant=call.tenant)
    if wait_ms and not run.status.is_over:
        with suppress(TimeoutError):
            await call.until_stopping(call.engine.wait(run_id, tenant=call.tenant, timeout_ms=wait_ms))
        await call.check_again()
        run = await call.engine.get_run(run_id, tenant=call.tenant)
    return await json_response(run, if_none_match=if_none_match)


@router.get("/{run_id}/steps", response_model=StepPage, responses={**UNCHANGED, **RUN_NOT_FOUND})
async def get_run_steps(
    call: ReadCall,
    run_id: RunId,
    *,
    status: Annotated[
        list[StepStatus] | None,
        Query(description="Only steps with this status; give it several times for one of several."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="How many steps a page has at most.")] = 1_000,
    cursor: Annotated[
        int | None,
        Query(ge=0, le=2**31 - 1, description="The `next_cursor` of the page before; none for the first."),
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List the steps of a run in the order of the workflow. A page ends early where it would exceed 4 MiB."""
    after = -1 if cursor is None else cursor
    page = await page_of_steps(call.engine, call.tenant, run_id, status=status, after=after, limit=limit)
    return json_data(page, if_none_match=if_none_match)


@router.get(
    "/{run_id}/steps/{step}/output",
    response_model=None,
    responses=answers(ErrorCode.RUN_NOT_FOUND, ApiCode.NOT_FOUND),
)
async def get_output(call: ReadCall, run_id: RunId, step: StepId) -> Response:
    """Return the output of a step as JSON."""
    try:
        data = await call.engine.get_output_json(run_id, step, tenant=call.tenant)
    except LookupError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise ApiError(ApiCode.NOT_FOUND, str(error)) from error
    return Response(data, media_type="application/json")


@router.get(
    "/{run_id}/artifacts",
    response_model=list[ArtifactDescription],
    responses={**UNCHANGED, **RUN_NOT_FOUND},
)
async def get_run_artifacts(call: ReadCall, run_id: RunId, if_none_match: IfNoneMatch = None) -> Response:
    """List the files that the steps of a run have saved."""
    files: list[tuple[str, ArtifactRef]] = []
    for step, refs in (await call.engine.get_run_artifacts(run_id, tenant=call.tenant)).items():
        files += [(step, ref) for ref in refs]

    def describe() -> list[ArtifactDescription]:
        return [_description(call, run_id, step, ref) for step, ref in files]

    described = await run_off_loop(describe) if len(files) > MANY_ROWS else describe()
    return await json_response(described, if_none_match=if_none_match)


@router.get(
    "/{run_id}/artifacts/{step}/{name:path}",
    response_class=Response,
    responses={
        200: {"content": {"*/*": {}}},
        206: {"description": "The bytes that `Range` asks for.", "content": {"*/*": {}}},
        416: {"description": "The file has no byte of `Range`."},
        **UNCHANGED,
        **answers(
            *CALLER_REFUSALS,
            ErrorCode.ARTIFACT_UNAVAILABLE,
            ErrorCode.RUN_NOT_FOUND,
            ApiCode.NOT_FOUND,
            ErrorCode.ARTIFACT_FAILED,
        ),
    },
)
async def get_artifact(
    call: ReadCall,
    run_id: RunId,
    step: StepId,
    name: Annotated[
        str, Path(max_length=512, pattern=SAFE, description="The name of the file; it may contain slashes.")
    ],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return the content of a file. Browsers show it in a sandbox, in which no scripts run."""
    files = (await call.engine.get_run_artifacts(run_id, tenant=call.tenant)).get(step, ())
    artifact = next((each for each in files if each.name == name), None)
    if artifact is None:
        raise ApiError(ApiCode.NOT_FOUND, f"Step '{step}' has no artifact '{name}'.")
    filename = quote(name.rpartition("/")[2], safe="")
    headers = {
        **_FILE_HEADERS,
        "ETag": f'"{artifact.sha256}"',
        "Content-Disposition": f"inline; filename*=utf-8''{filename}",
    }
    if is_unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    # An earlier release accepted media types that no header can hold.
    media_type = artifact.media_type if is_media_type(artifact.media_type) else "application/octet-stream"
    path = call.engine.artifact_files.local_path(artifact)
    if path is None:  # The file is not on this machine, but in an object store, for example.
        data = await call.engine.read_artifact(artifact, tenant=call.tenant)
        return Response(data, media_type=media_type, headers=headers)
    await asyncio.to_thread(call.engine.artifact_files.verify, artifact)
    return _RangedFile(path, media_type=media_type, headers=headers)


@router.post("/{run_id}/update", status_code=201, response_model=Run, responses=DERIVED)
async def update_run(call: RunCall, run_id: RunId, body: UpdateRequest, key: Key = None) -> Response:
    """Start a run that applies a change to a completed run. Steps that the change does not affect are reused."""
    trigger = call.engine.trigger_update(
        run_id, body.change.as_request(), tenant=call.tenant, idempotency_key=key, **body.given()
    )
    return await _created(call, await call.change("run.update", run_id, trigger))


@router.post(
    "/{run_id}/plan",
    response_model=RunPlan,
    responses=answers(
        ErrorCode.RUN_NOT_FOUND, ErrorCode.RUN_STATE, ErrorCode.VALIDATION_FAILED, *BODY_REFUSALS
    ),
)
async def plan_update(call: ReadCall, run_id: RunId, body: PlanRequest) -> Response:
    """Return what an update would do with each step, and why. Nothing runs."""
    with checked():
        plan = await call.engine.plan(
            run_id,
            body.change.as_request(),
            tenant=call.tenant,
            force=body.force,
            use_cache=body.use_cache,
        )
    return await json_response(plan)


@router.post(
    "/{run_id}/cancel", response_model=Run, responses=answers(ErrorCode.RUN_NOT_FOUND, *BODY_REFUSALS)
)
async def cancel_run(call: RunCall, run_id: RunId, body: CancelRequest | None = None) -> Response:
    """Cancel a run. A run that is over stays as it is."""
    reason = (body or CancelRequest()).reason
    cancel = call.engine.cancel(run_id, tenant=call.tenant, reason=reason)
    return await json_response(await call.change("run.cancel", run_id, cancel))


@router.post("/{run_id}/retry", status_code=201, response_model=Run, responses=DERIVED)
async def retry_run(
    call: RunCall, run_id: RunId, body: RetryRequest | None = None, key: Key = None
) -> Response:
    """Continue a failed or cancelled run as a new run, which reuses the completed steps."""
    options = (body or RetryRequest()).given()
    trigger = call.engine.trigger_retry(run_id, tenant=call.tenant, idempotency_key=key, **options)
    return await _created(call, await call.change("run.retry", run_id, trigger))


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "The run is over and has no event after `Last-Event-ID`."},
        **RUN_NOT_FOUND,
    },
)
async def follow_events(
    call: ReadCall,
    run_id: RunId,
    last_event_id: Annotated[
        int, Header(alias="Last-Event-ID", ge=0, le=_MAX_SEQ, description="Send only events after this one.")
    ] = 0,
    follow: Annotated[
        bool, Query(description="Whether to wait for further events until the run is over.")
    ] = True,
) -> Response:
    """Stream the events of a run as server-sent events until it is over. Resume with `Last-Event-ID`."""
    return await event_stream(
        call.engine,
        run_id,
        call.tenant,
        last_event_id,
        follow=follow and call.method != "HEAD",
        stopping=call.service.stopping,
        is_allowed=call.is_still_allowed,
    )


async def _created(call: RunCall, run: Run) -> Response:
    return await json_response(run, status=201, headers={"Location": f"{call.root_path}/runs/{run.id}"})


def _description(call: ReadCall, run_id: str, step: str, artifact: ArtifactRef) -> ArtifactDescription:
    return ArtifactDescription(
        step=step,
        name=artifact.name,
        media_type=artifact.media_type,
        size=artifact.size,
        sha256=artifact.sha256,
        href=f"{call.root_path}/runs/{run_id}/artifacts/{quote(step, safe='')}/{quote(artifact.name)}",
    )
