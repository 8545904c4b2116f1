"""`Call`: one authenticated request, which each route gets."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from langgraph_runner.errors.logs import emit
from langgraph_runner.server.audit import AddAudit
from langgraph_runner.server.keys import Role
from langgraph_runner.server.logs import LOGGER
from langgraph_runner.server.problems import checked, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth import Caller, Guard

__all__ = ["Administering", "Call", "Reading", "Running", "Service", "service_of"]

_OK: Final = 200
_FAILED: Final = 500
_BEARER: Final = HTTPBearer(auto_error=False, description="An API key, or a JSON Web Token.")
"""For the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share.

    Args:
        engine: Has the runs.
        guard: Lets callers in.
        registry: What `/metrics` shows.
    """

    engine: RunEngine
    guard: Guard
    registry: CollectorRegistry


def service_of(request: Request) -> Service:
    """The service that a request has reached."""
    found: Service = request.app.state.service
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request of a caller whose role allows it."""

    service: Service
    caller: Caller
    request_id: str

    @property
    def engine(self) -> RunEngine:
        """Has the runs."""
        return self.service.engine

    @property
    def tenant(self) -> str:
        """Whose runs the caller sees and touches."""
        return self.caller.tenant

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


def _call_of(role: Role) -> Callable[..., Awaitable[Call]]:
    """A dependency of FastAPI: the call of a caller who has `role`."""

    async def call(request: Request, _: Annotated[Any, Depends(_BEARER)]) -> Call:
        service = service_of(request)
        caller = await service.guard.admit(request.headers.get("authorization", ""), role)
        return Call(service, caller, request.scope["request_id"])

    return call


Reading = Annotated[Call, Depends(_call_of(Role.READ))]
Running = Annotated[Call, Depends(_call_of(Role.RUN))]
Administering = Annotated[Call, Depends(_call_of(Role.ADMIN))]
