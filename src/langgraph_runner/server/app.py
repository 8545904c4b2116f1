"""`create_app()`: an engine as an ASGI application. `create_health_app()`: the health of a worker."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from langgraph_runner.server import assets
from langgraph_runner.server.auth import ApiKeyAuth, Guard
from langgraph_runner.server.http import RequestMetrics, Surroundings
from langgraph_runner.server.keys import ApiKeys
from langgraph_runner.server.metrics import registry_of
from langgraph_runner.server.openapi import complete
from langgraph_runner.server.problems import handle_problems
from langgraph_runner.server.routes import operating, runs, workflows
from langgraph_runner.server.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth import Authenticator

__all__ = ["create_app", "create_health_app"]

_DESCRIPTION: Final = """Durable runs of workflows: make, follow, rebuild, retry and cancel them.

Send an API key as `Authorization: Bearer lgr_...`. It belongs to a tenant, and shows nothing of others.
Refusals are problem details (RFC 9457) with a stable `code`."""


def create_app(
    engine: RunEngine,
    *,
    auth: Iterable[Authenticator] | None = None,
    max_body_bytes: int = 1_048_576,
    body_timeout_s: float = 30.0,
    requests_per_s: float = 100.0,
    burst: int = 200,
) -> FastAPI:
    """Make an ASGI application of an engine, which begins to serve with it and is closed with it.

    Args:
        engine: Has the runs, and runs them.
        auth: How callers are known, asked in their order; None for the API keys of the engine's database.
        max_body_bytes: The longest request that is read; 1 MiB.
        body_timeout_s: How long a client may take to send a request.
        requests_per_s: How many requests a caller may send in the long run.
        burst: How many of them at once.

    Raises:
        ValueError: An option is not positive.

    Example:
        >>> from langgraph_runner import Workflow
        >>> from langgraph_runner.engine import RunEngine
        >>> app = create_app(RunEngine([Workflow("empty.v1")], store="sqlite://"))  # doctest: +SKIP
    """
    limits = {
        "max_body_bytes": max_body_bytes,
        "body_timeout_s": body_timeout_s,
        "requests_per_s": requests_per_s,
        "burst": burst,
    }
    for name, value in limits.items():
        if not value > 0:
            raise ValueError(f"{name}: {value!r} is not positive.")
    authenticators = [ApiKeyAuth(ApiKeys(engine.store))] if auth is None else auth
    guard = Guard(authenticators, requests_per_s=requests_per_s, burst=burst)

    @asynccontextmanager
    async def serving(_: FastAPI) -> AsyncGenerator[None, None]:
        async with engine:
            yield

    app = FastAPI(
        title="langgraph-runner",
        description=_DESCRIPTION,
        version=version("langgraph-runner"),
        lifespan=serving,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # The address of a redirect would have the host that the client made up.
    )
    registry = registry_of(engine)
    app.add_middleware(
        Surroundings,
        metrics=RequestMetrics(registry),
        max_body_bytes=max_body_bytes,
        body_timeout_s=body_timeout_s,
    )
    handle_problems(app)
    app.state.service = Service(engine, guard, registry)
    app.state.routes = []
    for module in (runs, workflows, operating, assets):
        app.include_router(module.router)
        app.state.routes += module.router.routes
    complete(app)
    return app


def create_health_app(engine: RunEngine) -> FastAPI:
    """Make an ASGI application with `/healthz`, `/readyz` and `/metrics` of a worker. It asks for no key.

    Args:
        engine: Of the worker, which serves already.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    registry = registry_of(engine)
    app.state.service = Service(engine, Guard([], requests_per_s=1, burst=1), registry)
    handle_problems(app)
    for path, endpoint in (
        ("/healthz", operating.healthz),
        ("/readyz", operating.readyz),
        ("/metrics", operating.shown_metrics),
    ):
        app.add_api_route(path, endpoint)
    return app
