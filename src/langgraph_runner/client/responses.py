"""`ApiResponse`, and the exception for a response that is not a success."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from langgraph_runner.client.errors import ERROR_OF_REASON, ServiceInvalidError, ServiceRefusedError
from langgraph_runner.engine.errors import error_of

if TYPE_CHECKING:
    import httpx
    from pydantic_core import InitErrorDetails

    from langgraph_runner.errors import NodeRunnerError

__all__ = ["ApiResponse", "error_from"]

_PROBLEM: Final = "application/problem+json"
_SUCCESSES: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_INPUTS: Final = "/inputs"


class ApiResponse:
    """A response of a service, with its body.

    Args:
        response: The status and the headers.
        data: The body.
    """

    __slots__ = ("data", "headers", "status")

    def __init__(self, response: httpx.Response, data: bytes) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.data = data

    @property
    def is_success(self) -> bool:
        """Whether the service carried out the request."""
        return self.status in _SUCCESSES


class _Fault(BaseModel):
    pointer: str
    detail: str
    type: str = "value_error"


class _Problem(BaseModel):
    """A problem document (RFC 9457) of the service. Fields of a later release are ignored."""

    code: str
    detail: str = ""
    request_id: str = ""
    error: str | None = None
    attributes: dict[str, Any] | None = None
    errors: list[_Fault] | None = None


def error_from(response: ApiResponse, url: str) -> NodeRunnerError:
    """Return the exception for a response that is not a success.

    Args:
        response: The response.
        url: The URL of the service.
    """
    if response.status in _REDIRECTS:
        place = response.headers.get("location", "another address")
        return ServiceInvalidError(
            url=url,
            detail=f"it redirects to {place:.200}, and redirects are not followed; give the final URL",
        )
    kind = response.headers.get("content-type", "").partition(";")[0]
    problem = None
    if kind == _PROBLEM:
        with suppress(ValidationError):
            problem = _Problem.model_validate_json(response.data)
    if problem is not None:
        return _error_of_problem(problem, response.status, url)
    detail = f"it responded {response.status} with {kind or 'no content'}, not with a problem document"
    return ServiceInvalidError(url=url, detail=detail)


def _error_of_problem(problem: _Problem, status: int, url: str) -> NodeRunnerError:
    attributes = {"store": url, **(problem.attributes or {})}
    error = error_of(problem.code, problem.error, problem.detail, attributes)
    if error is None:
        kind = ERROR_OF_REASON.get(problem.code, ServiceRefusedError)
        error = kind(
            url=url,
            detail=problem.detail or f"The service refused the request: {problem.code}.",
            reason=problem.code,
            status=status,
            request_id=problem.request_id,
        )
    if problem.errors:
        error.__cause__ = _validation_error(problem.errors)
    return error


def _validation_error(faults: list[_Fault]) -> ValidationError:
    """Rebuild the pydantic error that the service had. Code that handles errors of the engine looks for it."""
    details: list[InitErrorDetails] = []
    for each in faults:
        # pydantic declares both parameters as literal strings, but takes any text.
        kind = PydanticCustomError(cast("Any", each.type), cast("Any", each.detail))
        details.append({"type": kind, "loc": _place(each.pointer), "input": None})
    return ValidationError.from_exception_data("request", details)


def _place(pointer: str) -> tuple[str, ...]:
    """Convert a JSON pointer (RFC 6901) to a place in the inputs, as pydantic names places."""
    below = pointer.removeprefix(_INPUTS)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in below.split("/") if part)
