"""`Call`: an authenticated request, which each route gets. `AuthenticatedRoute`: makes it before the body is read."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias, get_type_hints

from fastapi import Header, Request, Response
from fastapi.routing import APIRoute

from langgraph_runner.engine.logs import cause
from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import sanitize_text
from langgraph_runner.server.auth.audit import AddAudit
from langgraph_runner.server.auth.keys import Role
from langgraph_runner.server.problems import LOGGER, checked, status_of
from langgraph_runner.server.reading.pages import SharedReads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from prometheus_client import CollectorRegistry

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth.callers import Caller, Guard

__all__ = [
    "UNCHANGED",
    "AdminCall",
    "AuthenticatedRoute",
    "Call",
    "IfNoneMatch",
    "ReadCall",
    "RunCall",
    "Service",
    "service_of",
]

IfNoneMatch: TypeAlias = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The `ETag` of an earlier response: if nothing has changed, the response is 304.",
    ),
]
UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The response would still have the `ETag` of `If-None-Match`."}
}
_OK: Final = 200
_FAILED: Final = 500
_MAX_TARGET_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share.

    Args:
        engine: The engine with the runs.
        guard: Authenticates callers.
        registry: The metrics that `/metrics` shows.
        shared_reads: Shares the pages that many callers watch.
        stopping: Set when the server begins to stop: responses that wait for a run end then.
    """

    engine: RunEngine
    guard: Guard
    registry: CollectorRegistry
    shared_reads: SharedReads = field(default_factory=SharedReads)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def service_of(request: Request) -> Service:
    """Return the service that received a request."""
    found: Service = request.app.state.service
    return found


class Call(Request):
    """An authenticated request of a caller whose role allows it.

    A route declares a parameter of one of the subclasses. The caller is authenticated before the body is read.
    """

    needed: ClassVar[Role]
    """The role that the caller needs."""
    caller: Caller
    """The caller of the request."""

    @property
    def service(self) -> Service:
        """What all requests share."""
        return service_of(self)

    @property
    def engine(self) -> RunEngine:
        """The engine with the runs."""
        return self.service.engine

    @property
    def tenant(self) -> str:
        """The tenant whose runs the caller sees and changes."""
        return self.caller.tenant

    @property
    def root_path(self) -> str:
        """The path where the application is mounted, or that a proxy removes. Empty at the root of the server."""
        return str(self.scope.get("root_path", "")).rstrip("/")

    @property
    def request_id(self) -> str:
        """The `X-Request-ID` of the response."""
        return str(self.scope["request_id"])

    async def check_again(self) -> None:
        """Check the key or token again, after a wait or after the body, which may take 30 s to arrive.

        Raises:
            ApiError: It no longer works (401).
        """
        await self.service.guard.admit_again(self.headers.get("authorization", ""), self.caller)

    async def is_still_allowed(self) -> bool:
        """Return whether the key or token still works; for a response that takes long."""
        authorization = self.headers.get("authorization", "")
        return await self.service.guard.still_admits(authorization, self.caller)

    async def until_stopping(self, wait: Coroutine[Any, Any, Any]) -> None:
        """Wait, at most until the server begins to stop. Raises what `wait` raises."""
        waiting = asyncio.ensure_future(wait)
        stop = asyncio.ensure_future(self.service.stopping.wait())
        try:
            await asyncio.wait([waiting, stop], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            stop.cancel()
            waiting.cancel()
            await asyncio.wait([waiting])

    async def change(self, action: str, target: str, change: Coroutine[Any, Any, Any]) -> Any:
        """Make a change, and add an entry to the audit log, also if the change is refused.

        Args:
            action: The action of the entry, such as `run.update`.
            target: The id of the run, or the workflow of a new run.
            change: The call of the engine.
        """
        status = _FAILED
        try:
            with checked():
                await self.check_again()
                result = await change
            status = _OK
        except Exception as error:
            status = status_of(error)
            raise
        finally:
            change.close()  # Without effect, unless the key was refused.
            if action == "run.create":  # A caller can send any text as the name of a workflow.
                target = sanitize_text(target, max_chars=_MAX_TARGET_CHARS)
            entry = AddAudit(self.tenant, self.caller.actor, action, target, status, self.request_id)
            try:
                await self.engine.store.write(entry)
            except Exception as error:  # The change is made, so the caller must get its result.
                emit(
                    LOGGER,
                    logging.ERROR,
                    "audit.write_failed",
                    action=action,
                    target=target,
                    **cause(error),
                )
        return result


class ReadCall(Call):
    """A request that only reads."""

    needed = Role.READ


class RunCall(Call):
    """A request that starts, updates, retries or cancels runs."""

    needed = Role.RUN


class AdminCall(Call):
    """A request that only administrators may send."""

    needed = Role.ADMIN


class AuthenticatedRoute(APIRoute):
    """A route that authenticates the caller first, if its function has a parameter that is a `Call`.

    A dependency of FastAPI would do so only after the body was read and parsed, and takes longer.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._kind = _call_type(endpoint)
        if self._kind is not None:
            access: dict[str, Any] = {"security": [{"HTTPBearer": []}], "x-role": self._kind.needed.value}
            options["openapi_extra"] = {**access, **(options.get("openapi_extra") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, with authentication in front."""
        handle, kind = super().get_route_handler(), self._kind
        if kind is None:
            return handle

        async def authenticated(request: Request) -> Response:
            if request.scope["is_head"]:  # The middleware made it a GET to find this route.
                request.scope["method"] = "HEAD"
            call = kind(request.scope, request.receive)
            guard = call.service.guard
            call.caller = await guard.admit(request.headers.get("authorization", ""), kind.needed)
            request.scope["caller"] = call.caller
            return await handle(call)

        return authenticated


def _call_type(endpoint: Callable[..., Any]) -> type[Call] | None:
    """Return the subclass of `Call` that a route takes; None if the route needs no key."""
    for kind in get_type_hints(endpoint).values():
        if isinstance(kind, type) and issubclass(kind, Call):
            return kind
    return None
