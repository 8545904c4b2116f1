"""What the service responds: `ApiResponse`, event streams, and the exception for a refusal. It does no I/O."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from langgraph_runner.client.errors import ERROR_OF_REASON, ServiceInvalidError, ServiceRefusedError
from langgraph_runner.engine.errors import error_of

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

    from langgraph_runner.errors import NodeRunnerError

__all__ = ["ApiResponse", "EventParser", "error_from"]

_PROBLEM: Final = "application/problem+json"
_INPUTS: Final = "/inputs"
_REASON_OF_PROXY: Final = MappingProxyType({413: "BODY_TOO_LARGE", 429: "RATE_LIMITED"})
"""The codes of refusals that proxies make on behalf of a service, without a problem document."""
_MAX_LINE: Final = 64 * 1024 * 1024
"""The longest line of an event stream. A langgraph-runner service sends none that is longer."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of a service that was read to its end."""

    status: int
    headers: httpx.Headers
    data: bytes
    """The body, decompressed."""


class EventParser:
    """Collects the `data` of server-sent events (WHATWG HTML, section 9.2) from the chunks of one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Parse a chunk.

        Returns:
            The data of the events that end in this chunk. Comments and events without data are left out.

        Raises:
            ValueError: A line is longer than 64 MiB.
        """
        # `iter_lines()` of httpx would also split at U+2028 and the like, which JSON may contain.
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MAX_LINE:
            raise ValueError("a line of the event stream is longer than 64 MiB")
        done: list[bytes] = []
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not name and not value and self._data:  # An empty line ends an event; `: ...` is a comment.
                done.append(b"\n".join(self._data))
                self._data = []
        return done


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
    if httpx.codes.is_redirect(response.status):
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
    if response.status in _REASON_OF_PROXY:
        reason = _REASON_OF_PROXY[response.status]
        phrase = HTTPStatus(response.status).phrase
        detail = f"A proxy in front of the service at {url} refused the request: {response.status} {phrase}."
        kind = ERROR_OF_REASON.get(reason, ServiceRefusedError)
        return kind(url=url, detail=detail, reason=reason, status=response.status)
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
