"""The errors between a client and a service, in one tree.

    ServiceError                  of langgraph_runner.errors.NodeRunnerError
    ├── ServiceUnreachableError   no response; also ConnectionError
    ├── ServiceInvalidError       a response that is not one of a langgraph-runner service
    └── ServiceRefusedError       a refusal that only a service has, no engine
        ├── RequestInvalidError   an argument is invalid; also ValueError
        ├── NotFoundError         there is no such output or artifact; also LookupError
        ├── UnauthenticatedError  no API key, or one that is not valid
        ├── ForbiddenError        the role or the tenant of the key does not allow this; also PermissionError
        └── RateLimitedError      too many requests

A refusal of the engine is raised as the error of the engine, such as `RunNotFoundError`.
No message and no attribute contains the API key. Each error has a stable `code` and survives pickle.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from langgraph_runner.errors import ErrorCode, NodeRunnerError
from langgraph_runner.errors.codes import render_message

__all__ = [
    "ERROR_OF_REASON",
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
    """The base class of errors between a client and a service.

    Attributes:
        url: The URL of the service.
    """

    code = ErrorCode.SERVICE_REFUSED
    url: str


class ServiceUnreachableError(ServiceError, ConnectionError):
    """The service did not respond, after all retries. It may have carried out a request that changes something."""

    code = ErrorCode.SERVICE_UNREACHABLE

    def __init__(self, *, url: str, detail: str) -> None:
        super().__init__(render_message(self.code, url=url, detail=detail.rstrip(".")))
        self.url = url


class ServiceInvalidError(ServiceError):
    """The URL is not that of a langgraph-runner service, or the service has an incompatible version."""

    code = ErrorCode.SERVICE_INVALID

    def __init__(self, *, url: str, detail: str) -> None:
        super().__init__(render_message(self.code, url=url, detail=detail.rstrip(".")))
        self.url = url


class ServiceRefusedError(ServiceError):
    """The service refused a request for a reason that only a service has, no engine.

    Attributes:
        reason: The stable code of the service, such as `BODY_TOO_LARGE`.
        status: The HTTP status.
        request_id: The id of the request in the log of the service.
    """

    code = ErrorCode.SERVICE_REFUSED

    def __init__(self, *, url: str, detail: str, reason: str, status: int, request_id: str = "") -> None:
        super().__init__(render_message(self.code, detail=detail))
        self.url = url
        self.reason = reason
        self.status = status
        self.request_id = request_id


class RequestInvalidError(ServiceRefusedError, ValueError):
    """An argument of the request is invalid."""


class NotFoundError(ServiceRefusedError, LookupError):
    """The step of the run has no output, or there is no such artifact."""


class UnauthenticatedError(ServiceRefusedError):
    """The client has no API key, or one that is unknown, revoked or expired."""


class ForbiddenError(ServiceRefusedError, PermissionError):
    """The role or the tenant of the API key does not allow this."""


class RateLimitedError(ServiceRefusedError):
    """The key, or the address at a proxy, sent too many requests, also after the waits that were asked for."""


ERROR_OF_REASON: Final = MappingProxyType(
    {
        "REQUEST_INVALID": RequestInvalidError,
        "NOT_FOUND": NotFoundError,
        "UNAUTHENTICATED": UnauthenticatedError,
        "FORBIDDEN": ForbiddenError,
        "RATE_LIMITED": RateLimitedError,
    }
)
"""The class of the error for a code of the service. Other codes have `ServiceRefusedError`."""
