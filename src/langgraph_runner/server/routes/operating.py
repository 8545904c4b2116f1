"""Routes for operation: health, the caller, workers, metrics and the audit log."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.engine import WorkerOverview
from langgraph_runner.engine.errors import StoreUnavailableError
from langgraph_runner.engine.store import queries
from langgraph_runner.server.auth.audit import audit_entries
from langgraph_runner.server.http.responses import json_response
from langgraph_runner.server.models import AuditPage, CallerDescription
from langgraph_runner.server.problems import CALLER_REFUSALS, ApiCode, ApiError, answers
from langgraph_runner.server.routes.service import (
    UNCHANGED,
    AdminCall,
    AuthenticatedRoute,
    IfNoneMatch,
    ReadCall,
    service_of,
)

__all__ = ["router"]

_READY_WITHIN_S: Final = 2.0


router = APIRouter(route_class=AuthenticatedRoute, tags=["operating"])
REFUSED: Final = answers(*CALLER_REFUSALS)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Check that the process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=answers(ApiCode.NOT_READY))
async def readyz(request: Request) -> dict[str, str]:
    """Check that the database answers, within 2 seconds, so that the process can serve."""
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            await service_of(request).engine.store.read(queries.store_id)
    except (SQLAlchemyError, StoreUnavailableError, TimeoutError) as error:
        raise ApiError(ApiCode.NOT_READY, "The database does not answer.") from error
    return {"status": "ready"}


@router.get("/caller", responses=REFUSED)
async def caller(call: ReadCall) -> CallerDescription:
    """Return the tenant and the role of the API key or token."""
    return CallerDescription(actor=call.caller.actor, tenant=call.tenant, role=call.caller.role)


@router.get("/workers", response_model=WorkerOverview, responses=REFUSED)
async def workers(call: ReadCall) -> Response:
    """List the processes that execute runs, with the ids of the tenant's runs in each, and count the pending runs."""
    return await json_response(await call.engine.get_workers(tenant=call.tenant))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **REFUSED},
)
async def metrics(call: AdminCall) -> Response:
    """Return the metrics of runs, steps and requests in the text format of Prometheus."""
    return await metrics_response(call)


async def metrics_response(request: Request) -> Response:
    """Return the metrics without authentication."""
    data = await asyncio.to_thread(generate_latest, service_of(request).registry)
    return Response(data, media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/audit",
    response_model=AuditPage,
    responses={**UNCHANGED, **REFUSED, **answers(ApiCode.REQUEST_INVALID)},
)
async def audit(
    call: AdminCall,
    limit: Annotated[int, Query(ge=1, le=200, description="How many entries a page has at most.")] = 50,
    cursor: Annotated[
        int | None,
        Query(ge=1, le=2**63 - 1, description="The `next_cursor` of the page before; none for the first."),
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List who requested which change of the tenant's runs, newest first."""
    found = await call.engine.store.read(audit_entries, call.tenant, before=cursor, limit=limit + 1)
    page = found[:limit]
    next_cursor = str(page[-1].id) if len(found) > limit else None
    return await json_response(AuditPage(items=page, next_cursor=next_cursor), if_none_match=if_none_match)
