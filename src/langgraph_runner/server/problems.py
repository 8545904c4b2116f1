"""Every refusal of a request, as problem details (RFC 9457) with a stable code.

`STATUS_OF_CODE` is the one table of codes and HTTP statuses, and `MEANING_OF_CODE` says what each code means.
`handle_problems()` makes an application answer exceptions with problem details.
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
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from langgraph_runner.engine.errors import (
    ArtifactUnavailableError,
    RunNotFoundError,
    StoreUnavailableError,
    attributes_of,
)
from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import CODES
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import sanitize_stack, sanitize_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastapi import FastAPI, Request, Response

__all__ = [
    "BODY_REFUSALS",
    "CALLER_REFUSALS",
    "LOGGER",
    "MEANING_OF_CODE",
    "STATUS_OF_CODE",
    "ApiCode",
    "ApiError",
    "Fault",
    "Problem",
    "answers",
    "checked",
    "handle_problems",
    "log_failure",
]

LOGGER: Final = "langgraph_runner.server"
"""Name of the logger of the service."""
MEDIA_TYPE: Final = "application/problem+json"
_MAX_FAULTS: Final = 50
"""How many faults of one request a problem lists."""
# A caller can put a long text into a message of pydantic or a pointer. Responses are made on the event loop.
_MAX_DETAIL_CHARS: Final = 2_000
_MAX_FAULT_CHARS: Final = 500


class ApiCode(StrEnum):
    """Codes of refusals that only the service makes, beside those of `ErrorCode`. The value equals the name."""

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
        **{code: meaning.http_status for code, meaning in CODES.items() if meaning.http_status is not None},
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
"""The HTTP status of each code. An error with any other code is a fault of the server: 500."""
MEANING_OF_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        ErrorCode.RUN_NOT_FOUND: "The tenant has no run with this id.",
        ErrorCode.WORKFLOW_UNKNOWN: "The service has no workflow of this name.",
        ErrorCode.RUN_STATE: "The run is not in the state that this request needs, such as completed for an update.",
        ErrorCode.IDEMPOTENCY_CONFLICT: "An earlier request used this `Idempotency-Key` with another body.",
        ErrorCode.VALIDATION_FAILED: "The inputs or the payload do not match the model of the workflow;"
        " `errors` lists each fault.",
        ErrorCode.ARTIFACT_FAILED: "The file is gone, or its content has changed. Run the step again to restore it.",
        ErrorCode.ARTIFACT_UNAVAILABLE: "The storage of the files does not answer. Try again.",
        ErrorCode.STORE_UNAVAILABLE: "The database does not answer. Try again.",
        ApiCode.REQUEST_INVALID: "The body, a parameter or a header is invalid; `errors` lists each fault.",
        ApiCode.UNAUTHENTICATED: "The API key or token is missing, unknown, revoked or expired.",
        ApiCode.FORBIDDEN: "The role of the caller does not allow this request, or a web page of another origin"
        " sent it to a service without keys.",
        ApiCode.NOT_FOUND: "There is no such path, or the run has no such step, output or file.",
        ApiCode.METHOD_NOT_ALLOWED: "The path has no such method; the header `Allow` lists its methods.",
        ApiCode.REQUEST_TIMEOUT: "The client took too long to send the request.",
        ApiCode.BODY_TOO_LARGE: "The body is longer than the service reads.",
        ApiCode.RATE_LIMITED: "The caller sent too many requests. Wait for `Retry-After` seconds.",
        ApiCode.NOT_READY: "The database does not answer, or the server stops. Try again.",
        ApiCode.ISSUER_UNAVAILABLE: "The service cannot fetch the keys that verify tokens."
        " Wait for `Retry-After` seconds.",
        ApiCode.INTERNAL: "A fault of the server; its log has the details under the `request_id`.",
    }
)
"""What each code means, for the OpenAPI document and the API reference."""
CALLER_REFUSALS: Final = (
    ApiCode.UNAUTHENTICATED,
    ApiCode.FORBIDDEN,
    ApiCode.RATE_LIMITED,
    ErrorCode.STORE_UNAVAILABLE,
    ApiCode.ISSUER_UNAVAILABLE,
)
"""Refusals of every route that needs a key or a token."""
BODY_REFUSALS: Final = (ApiCode.REQUEST_INVALID, ApiCode.BODY_TOO_LARGE, ApiCode.REQUEST_TIMEOUT)
"""Refusals of every route that reads a body."""
_CODE_OF_STATUS: Final = MappingProxyType({STATUS_OF_CODE[code]: code for code in reversed(ApiCode)})


class Fault(BaseModel):
    """One fault of an invalid request."""

    pointer: str
    """Where: a JSON pointer (RFC 6901) into the body, such as `/inputs/count`, or a parameter, such as `query:limit`;
    empty for the body as a whole."""
    detail: str
    """What is wrong, for a person."""
    type: str
    """The error type of pydantic, such as `missing` or `string_type`."""


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    """`urn:langgraph-runner:problem:<code>`."""
    title: str
    """The phrase of the HTTP status, such as `Not Found`."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong and how to fix it, for a person. The text may change between releases."""
    code: str
    """What is wrong, for programs. It does not change between releases."""
    request_id: str
    """The `X-Request-ID` of the response; the server logs faults of its own under this id."""
    errors: list[Fault] | None = None
    """The faults of an invalid request, at most 50."""
    error: str | None = None
    """The class of the error that the engine raised, such as `RunStateError`."""
    attributes: dict[str, str | list[str]] | None = None
    """The attributes of that error, such as `run_id`."""


class ApiError(Exception):
    """A refusal that only the service makes.

    Args:
        code: What is wrong, for programs.
        detail: What is wrong and how to fix it, for a person.
        headers: Headers of the response.
    """

    def __init__(self, code: ApiCode, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = headers


def status_of(error: BaseException) -> int:
    """Return the HTTP status of the response to an exception."""
    return STATUS_OF_CODE.get(getattr(error, "code", ""), HTTPStatus.INTERNAL_SERVER_ERROR).value


def answers(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route for its OpenAPI document."""
    meanings: dict[int, list[str]] = {}
    for code in codes:
        status = STATUS_OF_CODE[code].value
        meanings.setdefault(status, []).append(f"`{code}`: {MEANING_OF_CODE[code]}")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "\n\n".join(lines), "content": content} for status, lines in meanings.items()
    }


@contextmanager
def checked() -> Iterator[None]:
    """Turn the `ValueError` or `TypeError` of a call of the engine into a fault of the request.

    Raises:
        ApiError: The engine refused an argument (422).
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise ApiError(ApiCode.REQUEST_INVALID, str(error)) from error


def handle_problems(app: FastAPI) -> None:
    """Make an application answer its exceptions with problem details."""
    app.exception_handler(ApiError)(_answer_api_error)
    app.exception_handler(NodeRunnerError)(_answer_package_error)
    app.exception_handler(RequestValidationError)(_answer_validation_error)
    app.exception_handler(HTTPException)(_answer_http_error)
    app.exception_handler(SQLAlchemyError)(_answer_database_error)


async def _answer_api_error(request: Request, error: ApiError) -> Response:
    return answer_refusal(request, error)


def answer_refusal(request: Request, error: ApiError) -> Response:
    """Answer a refusal outside of the application's exception handlers, as in middleware."""
    return _response(request, error.code, str(error), headers=error.headers)


async def _answer_package_error(request: Request, error: NodeRunnerError) -> Response:
    if error.code not in STATUS_OF_CODE:
        return answer_unexpected(request, error)
    if isinstance(error, StoreUnavailableError) and not error.run_id:
        # The text of the error says where the database is, which callers must not learn.
        return await _answer_database_error(request, error)
    if isinstance(error, ArtifactUnavailableError):  # The same holds for the storage of files.
        log_failure(request, error)
        return _response(request, error.code, MEANING_OF_CODE[error.code], raised=error)
    detail = str(error)
    caller = request.scope.get("caller")
    if isinstance(error, RunNotFoundError) and caller is not None:
        detail = f"There is no run '{error.run_id}' in tenant '{caller.tenant}', the tenant of the caller."
    cause = validation_error_of(error)
    found = (
        [] if cause is None else cause.errors(include_input=False, include_url=False, include_context=False)
    )
    faults = _faults(found, below="/inputs")
    return _response(request, error.code, detail, errors=faults, raised=error)


async def _answer_validation_error(request: Request, error: RequestValidationError) -> Response:
    faults = _faults(error.errors())
    summary = "; ".join(f"{each.pointer or 'the body'}: {each.detail}" for each in faults[:3])
    return _response(request, ApiCode.REQUEST_INVALID, f"The request is invalid: {summary}", errors=faults)


async def _answer_http_error(request: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # The body is not JSON.
        return _response(request, ApiCode.REQUEST_INVALID, str(error.detail))
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods_of(request))}
    code = _CODE_OF_STATUS.get(status, ApiCode.INTERNAL)
    return _response(request, code, str(error.detail), status=status, headers=headers)


async def _answer_database_error(request: Request, error: Exception) -> Response:
    log_failure(request, error)
    return _response(request, ErrorCode.STORE_UNAVAILABLE, MEANING_OF_CODE[ErrorCode.STORE_UNAVAILABLE])


def answer_unexpected(request: Request, error: Exception) -> Response:
    """Answer an exception that the service does not expect. The log gets the details, the caller does not."""
    log_failure(request, error)
    detail = "The server failed. Its log has the details under this request id."
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
        detail=sanitize_text(detail, max_chars=_MAX_DETAIL_CHARS),
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
    if isinstance(value, str):
        return sanitize_text(value, max_chars=_MAX_FAULT_CHARS)
    return [sanitize_text(item, max_chars=_MAX_FAULT_CHARS) for item in value[:_MAX_FAULTS]]


def _methods_of(request: Request) -> list[str]:
    """Return all methods of a path; starlette names those of one route only."""
    found: set[str] = set()
    for route in request.app.state.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _faults(errors: Sequence[Any], below: str = "") -> list[Fault]:
    """Return the faults in a list of pydantic, with pointers that begin with `below`."""
    return [
        Fault(
            pointer=(below + _pointer(each["loc"]))[:_MAX_FAULT_CHARS],
            detail=sanitize_text(each["msg"], max_chars=_MAX_FAULT_CHARS),
            type=each["type"],
        )
        for each in errors[:_MAX_FAULTS]
    ]


def _pointer(location: Sequence[Any]) -> str:
    """Return the pointer of a `Fault` for a location in the form of FastAPI, such as `("body", "inputs")`."""
    if location and location[0] in {"query", "path", "header"}:
        return f"{location[0]}:{'.'.join(map(str, location[1:]))}"
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def log_failure(request: Request, error: Exception) -> None:
    """Log an exception that the caller does not get to see."""
    emit(
        LOGGER,
        logging.ERROR,
        "request.failed",
        request_id=request.scope.get("request_id", ""),
        method=request.method,
        path=sanitize_text(request.url.path),
        error_type=type(error).__name__,
        error=sanitize_text(str(error), max_chars=_MAX_DETAIL_CHARS),
        stack=sanitize_stack(error),
    )
