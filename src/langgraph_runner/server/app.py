"""`create_app()`: an engine as an ASGI application. `create_health_app()`: the health and metrics of a worker."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from langgraph_runner.server.auth.callers import ApiKeyAuth, DevAuth, Guard
from langgraph_runner.server.auth.keys import ApiKeys
from langgraph_runner.server.http.middleware import RequestMetrics, RequestMiddleware
from langgraph_runner.server.http.openapi import complete
from langgraph_runner.server.http.own_pages import OwnPagesOnly
from langgraph_runner.server.problems import handle_problems
from langgraph_runner.server.reading.gauges import registry_of
from langgraph_runner.server.routes import dashboard, operating, runs, workflows
from langgraph_runner.server.routes.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth.callers import Authenticator

__all__ = ["create_app", "create_health_app"]

_DESCRIPTION: Final = """Durable runs of workflows: start, follow, update, retry and cancel them.

Send an API key in the header `Authorization: Bearer lgr_...`. A key gives access to the runs of one tenant.
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
    """Make an ASGI application of an engine. The engine starts with the application and is closed with it.

    Args:
        engine: The engine that stores and executes the runs.
        auth: Authenticators of callers, asked in this order; None for the API keys in the database of the engine.
        max_body_bytes: The longest body that is read, in bytes; 1 MiB by default.
        body_timeout_s: How long a client may take to send a request, in seconds.
        requests_per_s: How many requests per second a caller may send on average.
        burst: How many requests a caller may send at once.

    Raises:
        ValueError: A limit is not positive.

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
            raise ValueError(f"{name} must be positive, got {value!r}.")
    authenticators = [ApiKeyAuth(ApiKeys(engine.store))] if auth is None else [*auth]
    runtime = engine.store.runtimes.awaiting
    guard = Guard(authenticators, requests_per_s=requests_per_s, burst=burst, runtime=runtime)

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
        redirect_slashes=False,  # A redirect would repeat the Host header, which the client can invent.
    )
    registry = registry_of(engine)
    if any(isinstance(authenticator, DevAuth) for authenticator in authenticators):
        app.add_middleware(OwnPagesOnly)
    app.add_middleware(
        RequestMiddleware,
        metrics=RequestMetrics(registry),
        max_body_bytes=max_body_bytes,
        body_timeout_s=body_timeout_s,
    )
    handle_problems(app)
    app.state.service = Service(engine, guard, registry)
    app.state.routes = []
    for module in (runs, workflows, operating, dashboard):
        app.include_router(module.router)
        app.state.routes += module.router.routes
    complete(app)
    return app


def create_health_app(engine: RunEngine) -> FastAPI:
    """Make an ASGI application with `/healthz`, `/readyz` and `/metrics` of a worker. It needs no key.

    Args:
        engine: The engine of the worker, which has started already.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    registry = registry_of(engine)
    guard = Guard([], requests_per_s=1, burst=1, runtime=engine.store.runtimes.awaiting)
    app.state.service = Service(engine, guard, registry)
    handle_problems(app)
    for path, endpoint in (
        ("/healthz", operating.healthz),
        ("/readyz", operating.readyz),
        ("/metrics", operating.metrics_response),
    ):
        app.add_api_route(path, endpoint, methods=["GET", "HEAD"])
    app.state.routes = app.routes
    return app
