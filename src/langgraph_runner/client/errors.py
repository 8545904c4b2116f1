"""What can go wrong between a client and a service, in one tree.

    ServiceError                  of langgraph_runner.errors.NodeRunnerError
    ├── ServiceUnreachableError   no answer; also ConnectionError
    ├── ServiceInvalidError       an answer that no langgraph-runner service gives
    └── ServiceRefusedError       a refusal that only a service has
        ├── RequestInvalidError   an argument is out of its range; also ValueError
        ├── NotFoundError         there is no such output or file; also LookupError
        ├── UnauthenticatedError  no API key, or one that does not work
        ├── ForbiddenError        the role or the tenant of the key does not allow it; also PermissionError
        └── RateLimitedError      too many requests

A refusal of the engine is raised as the engine's own error, such as `RunNotFoundError`.
No message and no attribute holds the API key. Each error has a stable `code` and survives pickle.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message

__all__ = [
    "REFUSALS",
    "ForbiddenError",
    "NotFoundError",
    "RateLimitedError",
    "RequestInvalidError",
    "ServiceError",
    "ServiceInvalidError",
    "ServiceRefusedError",
    "ServiceUnreachableError",
    "UnauthenticatedError",
]


class ServiceError(NodeRunnerError):
    """The root of what can go wrong between a client and a service.

    Attributes:
        url: The address of the service.
    """

    code = ErrorCode.SERVICE_REFUSED
    url: str


class ServiceUnreachableError(ServiceError, ConnectionError):
    """The service gave no answer, after all retries. A request that changes something may have been carried out."""

    code = ErrorCode.SERVICE_UNREACHABLE

    def __init__(self, *, url: str, detail: str) -> None:
        super().__init__(render_message(self.code, url=url, detail=detail.rstrip(".")))
        self.url = url


class ServiceInvalidError(ServiceError):
    """Something else than a langgraph-runner service answers at the URL, or a release that does not fit."""

    code = ErrorCode.SERVICE_INVALID

    def __init__(self, *, url: str, detail: str) -> None:
        super().__init__(render_message(self.code, url=url, detail=detail.rstrip(".")))
        self.url = url


class ServiceRefusedError(ServiceError):
    """The service refused a request for a reason that no engine has.

    Attributes:
        reason: The stable code of the service, such as `BODY_TOO_LARGE`.
        status: The HTTP status.
        request_id: Under which the log of the service has the request.
    """

    code = ErrorCode.SERVICE_REFUSED

    def __init__(self, *, url: str, detail: str, reason: str, status: int, request_id: str = "") -> None:
        super().__init__(render_message(self.code, detail=detail))
        self.url = url
        self.reason = reason
        self.status = status
        self.request_id = request_id


class RequestInvalidError(ServiceRefusedError, ValueError):
    """An argument is out of its range."""


class NotFoundError(ServiceRefusedError, LookupError):
    """The step of the run has no output, or there is no such file."""


class UnauthenticatedError(ServiceRefusedError):
    """The client has no API key, or one that is unknown, revoked or expired."""


class ForbiddenError(ServiceRefusedError, PermissionError):
    """The role or the tenant of the API key does not allow this."""


class RateLimitedError(ServiceRefusedError):
    """The key has sent too many requests, also after the waits that the service asked for."""


REFUSALS: Final = MappingProxyType(
    {
        "REQUEST_INVALID": RequestInvalidError,
        "NOT_FOUND": NotFoundError,
        "UNAUTHENTICATED": UnauthenticatedError,
        "FORBIDDEN": ForbiddenError,
        "RATE_LIMITED": RateLimitedError,
    }
)
"""The class for a code of the service; `ServiceRefusedError` for any other."""
