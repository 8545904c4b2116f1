"""`error_in()`: the exception for an answer that is not a success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from langgraph_runner.client.errors import REFUSALS, ServiceInvalidError, ServiceRefusedError
from langgraph_runner.engine.errors import error_of

if TYPE_CHECKING:
    import httpx

    from langgraph_runner.errors import NodeRunnerError

__all__ = ["Answer", "error_in"]

_PROBLEM: Final = "application/problem+json"
_SUCCESSES: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_INPUTS: Final = "/inputs"


class Answer:
    """An answer of a service that was read to its end.

    Args:
        response: Its status and headers.
        data: Its body.
    """

    __slots__ = ("data", "headers", "status")

    def __init__(self, response: httpx.Response, data: bytes) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.data = data

    @property
    def is_success(self) -> bool:
        """Whether the service has done what it was asked for."""
        return self.status in _SUCCESSES


class _Fault(BaseModel):
    pointer: str
    detail: str
    type: str = "value_error"


class _Problem(BaseModel):
    """A problem document (RFC 9457) as the service writes it; fields of a later release are ignored."""

    code: str
    detail: str = ""
    request_id: str = ""
    error: str | None = None
    attributes: dict[str, Any] | None = None
    errors: list[_Fault] | None = None


def error_in(answer: Answer, url: str) -> NodeRunnerError:
    """What a client raises for an answer that is not a success.

    Args:
        answer: The answer.
        url: The address of the service.
    """
    if answer.status in _REDIRECTS:
        place = answer.headers.get("location", "another address")
        return ServiceInvalidError(
            url=url, detail=f"it redirects to {place:.200}, which is not followed; give the final URL"
        )
    kind = answer.headers.get("content-type", "").partition(";")[0]
    try:
        problem = _Problem.model_validate_json(answer.data) if kind == _PROBLEM else None
    except ValidationError:
        problem = None
    if problem is None:
        return ServiceInvalidError(
            url=url,
            detail=f"it answered {answer.status} with {kind or 'no content'}, not with a problem document",
        )
    return _raised_again(problem, answer.status, url)


def _raised_again(problem: _Problem, status: int, url: str) -> NodeRunnerError:
    attributes = {"store": url, **(problem.attributes or {})}
    error = error_of(problem.code, problem.error, problem.detail, attributes)
    if error is None:
        kind = REFUSALS.get(problem.code, ServiceRefusedError)
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
    """The faults as pydantic told them to the service; what handles the engine's errors looks for that.

    pydantic declares types and messages as literals, and takes any text.
    """
    return ValidationError.from_exception_data(
        "request",
        [
            {
                "type": PydanticCustomError(cast("Any", each.type), cast("Any", each.detail)),
                "loc": _place(each.pointer),
                "input": None,
            }
            for each in faults
        ],
    )


def _place(pointer: str) -> tuple[str, ...]:
    """The path of a fault below the inputs, as pydantic names it."""
    below = pointer.removeprefix(_INPUTS)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in below.split("/") if part)
