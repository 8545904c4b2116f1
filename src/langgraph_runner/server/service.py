"""`Call`: one authenticated request, which each route gets. `Guarded`: the routes that need one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute

from langgraph_runner.errors.logs import emit
from langgraph_runner.server.audit import AddAudit
from langgraph_runner.server.keys import Role
from langgraph_runner.server.logs import LOGGER
from langgraph_runner.server.problems import checked, status_of
from langgraph_runner.server.shared_reads import SharedReads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from prometheus_client import CollectorRegistry

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth import Caller, Guard

__all__ = [
    "Administering",
    "Call",
    "Guarded",
    "Reading",
    "Running",
    "Service",
    "service_of",
]

_OK: Final = 200
_FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share.

    Args:
        engine: Has the runs.
        guard: Lets callers in.
        registry: What `/metrics` shows.
        shared_reads: Pages that many look at.
    """

    engine: RunEngine
    guard: Guard
    registry: CollectorRegistry
    shared_reads: SharedReads = field(default_factory=SharedReads)


def service_of(request: Request) -> Service:
    """The service that a request has reached."""
    found: Service = request.app.state.service
    return found


class Call(Request):
    """An authenticated request of a caller whose role allows it.

    A route has a parameter of one of the subclasses, and gets its call before anything else of the request is read.
    """

    needed: ClassVar[Role]
    """The role that the caller needs."""
    caller: Caller
    """Who sends it."""

    @property
    def service(self) -> Service:
        """What all requests share."""
        return service_of(self)

    @property
    def engine(self) -> RunEngine:
        """Has the runs."""
        return self.service.engine

    @property
    def tenant(self) -> str:
        """Whose runs the caller sees and touches."""
        return self.caller.tenant

    @property
    def request_id(self) -> str:
        """As the answer has it in `X-Request-ID`."""
        return str(self.scope["request_id"])

    async def is_still_allowed(self) -> bool:
        """Whether the caller's key or token still works, for an answer that takes long."""
        authorization = self.headers.get("authorization", "")
        return await self.service.guard.still_admits(authorization, self.caller)

    async def change(self, action: str, target: str, change: Awaitable[Any]) -> Any:
        """Have something changed, with an entry in the audit log, also for what is refused.

        Args:
            action: For the log, such as `run.update`.
            target: The run, or the workflow of a new one.
            change: A call of the engine.
        """
        status = _FAILED
        try:
            with checked():
                result = await change
            status = _OK
        except Exception as error:
            status = status_of(error)
            raise
        finally:
            entry = AddAudit(self.tenant, self.caller.actor, action, target, status, self.request_id)
            try:
                await self.engine.store.write(entry)
            except Exception as error:  # The change was made, and whoever asked for it has to hear of it.
                emit(LOGGER, logging.ERROR, "audit.failed", action=action, target=target, error=str(error))
        return result


class Reading(Call):
    """A call that only reads."""

    needed = Role.READ


class Running(Call):
    """A call that makes, changes or cancels runs."""

    needed = Role.RUN


class Administering(Call):
    """A call that only administrators may make."""

    needed = Role.ADMIN


class Guarded(APIRoute):
    """A route that authenticates the caller first, if its function has a parameter that is a `Call`.

    A dependency of FastAPI would do that after the body was read and parsed, and takes longer.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._call = _call_of(endpoint)
        if self._call is not None:
            guarded: dict[str, Any] = {"security": [{"HTTPBearer": []}], "x-role": self._call.needed.value}
            options["openapi_extra"] = {**guarded, **(options.get("openapi_extra") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI asks for it."""
        handle, kind = super().get_route_handler(), self._call
        if kind is None:
            return handle

        async def guarded(request: Request) -> Response:
            call = kind(request.scope, request.receive)
            guard = call.service.guard
            call.caller = await guard.admit(request.headers.get("authorization", ""), kind.needed)
            return await handle(call)

        return guarded


def _call_of(endpoint: Callable[..., Any]) -> type[Call] | None:
    """The kind of call that a route takes; None if anybody may ask it."""
    kinds = get_type_hints(endpoint).values()
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Call)), None)
