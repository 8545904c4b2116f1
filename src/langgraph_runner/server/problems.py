"""Everything that a request can be refused with, as problem details (RFC 9457) with a stable code.

`STATUS_OF_CODE` is the one table from codes to status codes; `handle_problems()` puts it in front of an application.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from langgraph_runner.engine.errors import StoreUnavailableError, attributes_of
from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import sanitize_stack, sanitize_text
from langgraph_runner.server.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastapi import FastAPI, Request, Response

__all__ = [
    "CALLER_REFUSALS",
    "STATUS_OF_CODE",
    "ApiCode",
    "ApiError",
    "Fault",
    "Problem",
    "answers",
    "checked",
    "handle_problems",
]

MEDIA_TYPE: Final = "application/problem+json"
_MAX_FAULTS: Final = 50


class ApiCode(StrEnum):
    """What only the service can refuse. The value equals the name, as of `ErrorCode`."""

    REQUEST_INVALID = "REQUEST_INVALID"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL = "INTERNAL"
    NOT_READY = "NOT_READY"
    ISSUER_UNAVAILABLE = "ISSUER_UNAVAILABLE"


STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = MappingProxyType(
    {
        ErrorCode.RUN_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorCode.WORKFLOW_UNKNOWN: HTTPStatus.NOT_FOUND,
        ErrorCode.RUN_STATE: HTTPStatus.CONFLICT,
        ErrorCode.IDEMPOTENCY_CONFLICT: HTTPStatus.CONFLICT,
        ErrorCode.VALIDATION_FAILED: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.ARTIFACT_FAILED: HTTPStatus.GONE,
        ErrorCode.STORE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        ApiCode.REQUEST_INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
        ApiCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
        ApiCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
        ApiCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
        ApiCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
        ApiCode.REQUEST_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
        ApiCode.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ApiCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
        ApiCode.NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
        ApiCode.ISSUER_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        ApiCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
"""The status of each code that a request may be refused with; any other code is a fault of the server."""
CALLER_REFUSALS: Final = (
    ApiCode.UNAUTHENTICATED,
    ApiCode.FORBIDDEN,
    ApiCode.RATE_LIMITED,
    ErrorCode.STORE_UNAVAILABLE,
    ApiCode.ISSUER_UNAVAILABLE,
)
"""What each route that needs a key or a token may refuse with, whatever else it does."""
_CODE_OF_STATUS: Final = MappingProxyType({STATUS_OF_CODE[code]: code for code in reversed(ApiCode)})


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str
    """Where: a JSON pointer (RFC 6901) into the body, such as `/inputs/count`, or `query:limit`."""
    detail: str
    type: str
    """What kind of fault, in the words of pydantic: `missing`, `string_type`."""


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    """`urn:langgraph-runner:problem:<code>`."""
    title: str
    status: int
    detail: str
    code: str
    """Stable: route on it."""
    request_id: str
    errors: list[Fault] | None = None
    """Each fault of an invalid request."""
    error: str | None = None
    """The class of the error that the engine raised, such as `RunStateError`."""
    attributes: dict[str, str | list[str]] | None = None
    """The attributes of that error, such as `run_id`."""


class ApiError(Exception):
    """Something that only the service refuses.

    Args:
        code: What.
        detail: What is wrong, and the fix.
        headers: To be sent with it.
        errors: Each fault.
    """

    def __init__(
        self,
        code: ApiCode,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = headers
        self.errors = [*errors]


def status_of(error: BaseException) -> int:
    """The status that an exception is answered with."""
    return STATUS_OF_CODE.get(getattr(error, "code", ""), HTTPStatus.INTERNAL_SERVER_ERROR).value


def answers(*codes: str) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for its OpenAPI description."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status = STATUS_OF_CODE[code]
        said = found.get(status.value, {}).get("description")
        found[status.value] = {
            "description": f"{said}, `{code}`" if said else f"`{code}`",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return found


@contextmanager
def checked() -> Iterator[None]:
    """Around a call of the engine: an option that it refuses is a fault of the request.

    Raises:
        ApiError: It was refused.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise ApiError(ApiCode.REQUEST_INVALID, str(error)) from error


def handle_problems(app: FastAPI) -> None:
    """Answer each exception of an application with its problem."""
    for kind, handler in (
        (ApiError, _own),
        (NodeRunnerError, _of_the_package),
        (RequestValidationError, _invalid),
        (HTTPException, _of_http),
        (SQLAlchemyError, _refused_by_database),
    ):
        app.add_exception_handler(kind, handler)


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - it is registered for those
    return _response(request, error.code, str(error), errors=error.errors, headers=error.headers)


async def _of_the_package(request: Request, error: Exception) -> Response:
    assert isinstance(error, NodeRunnerError)  # noqa: S101 - it is registered for those
    if error.code not in STATUS_OF_CODE:
        return unforeseen(request, error)
    if isinstance(error, StoreUnavailableError) and not error.run_id:
        return await _refused_by_database(request, error)  # Its text says where the database is.
    cause = validation_error_of(error)
    faults = _faults(cause, "/inputs") if cause is not None else []
    return _response(request, error.code, str(error), errors=faults, raised=error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for those
    faults = [
        Fault(pointer=_pointer(each["loc"]), detail=sanitize_text(str(each["msg"])), type=each["type"])
        for each in error.errors()[:_MAX_FAULTS]
    ]
    said = "; ".join(f"{each.pointer or 'the body'}: {each.detail}" for each in faults[:3])
    return _response(request, ApiCode.REQUEST_INVALID, f"The request is invalid: {said}", errors=faults)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for those
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # A body that is no JSON at all.
        return _response(request, ApiCode.REQUEST_INVALID, str(error.detail))
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods_of(request))}
    code = _CODE_OF_STATUS.get(status, ApiCode.INTERNAL)
    return _response(request, code, str(error.detail), status=status, headers=headers)


async def _refused_by_database(request: Request, error: Exception) -> Response:
    _log(request, error)
    return _response(request, ErrorCode.STORE_UNAVAILABLE, "The database does not answer; try again.")


def unforeseen(request: Request, error: Exception) -> Response:
    """The answer to an exception that nobody has foreseen; the log has it, the caller nothing of it."""
    _log(request, error)
    detail = "Something went wrong in the server. Its log has the details under this request id."
    return _response(request, ApiCode.INTERNAL, detail)


def _response(
    request: Request,
    code: str,
    detail: str,
    *,
    status: HTTPStatus | None = None,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    raised: NodeRunnerError | None = None,
) -> Response:
    status = status or STATUS_OF_CODE[code]
    attributes = {} if raised is None else attributes_of(raised)
    problem = Problem(
        type=f"urn:langgraph-runner:problem:{code}",
        title=status.phrase,
        status=status.value,
        detail=sanitize_text(detail),
        code=code,
        request_id=request.scope.get("request_id", ""),
        errors=[*errors] or None,
        error=type(raised).__name__ if attributes else None,
        attributes={name: _sanitized(value) for name, value in attributes.items()} or None,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status.value,
        headers=dict(headers) if headers else None,
        media_type=MEDIA_TYPE,
    )


def _sanitized(value: str | list[str]) -> str | list[str]:
    return sanitize_text(value) if isinstance(value, str) else [*map(sanitize_text, value)]


def _methods_of(request: Request) -> list[str]:
    """What can be done with a path; starlette names the methods of one route only."""
    found: set[str] = set()
    for route in request.app.state.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


def _faults(error: ValidationError, below: str) -> list[Fault]:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [
        Fault(
            pointer=below + _pointer(each["loc"]), detail=sanitize_text(str(each["msg"])), type=each["type"]
        )
        for each in found[:_MAX_FAULTS]
    ]


def _pointer(place: Sequence[Any]) -> str:
    """Where in a request something stands, from what FastAPI calls it."""
    if place and place[0] in {"query", "path", "header"}:
        return f"{place[0]}:{'.'.join(map(str, place[1:]))}"
    parts = place[1:] if place and place[0] == "body" else place
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _log(request: Request, error: Exception) -> None:
    emit(
        LOGGER,
        logging.ERROR,
        "request.failed",
        request_id=request.scope.get("request_id", ""),
        method=request.method,
        path=request.url.path,
        error_type=type(error).__name__,
        error=sanitize_text(str(error)),
        stack=sanitize_stack(error),
    )
