"""A service in this process, with an engine on each kind of database, and callers of two tenants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import BaseModel

from langgraph_runner import Workflow
from langgraph_runner.engine import RunEngine
from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.server import ApiKeys, create_app
from tests.databases import new_postgresql, postgresql_server, store_url
from tests.server.processes import Served

__all__ = ["new_postgresql", "postgresql_server", "store_url"]


class Order(BaseModel):
    """The inputs of the shop."""

    net: float
    customer: str = "a guest"


def shop():
    """A workflow that fails for negative prices, waits for its gate, and saves a page."""
    flow = Workflow("shop.v1", inputs=Order, description="Prices an order.")
    flow.gate = asyncio.Event()

    @flow.step
    def price(inputs: Order) -> float:
        if inputs.net < 0:
            raise ValueError("a negative price")
        return inputs.net * 1.25

    @flow.step
    async def page(price, ctx) -> str:
        if price > 1_000:
            await flow.gate.wait()
        ctx.save_artifact("shown/page 1.html", b"<script>alert(1)</script>", "text/html")
        return f"<b>{price}</b>"

    flow.on_change("set", description="Another order.")
    return flow


class Service:
    """A service with helpers for its callers."""

    def __init__(self, app, engine, flow):
        self.app, self.engine, self.flow = app, engine, flow
        self.keys = ApiKeys(engine.store)
        self._clients = []

    async def caller(self, role="run", tenant="acme"):
        """Return a client with a new API key."""
        key = await self.keys.create(tenant=tenant, name=f"{role} of {tenant}", role=role)
        return self.client({"Authorization": f"Bearer {key.key}"})

    def client(self, headers=None):
        """Return a client with these headers."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._clients.append(httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers))
        return self._clients[-1]

    async def ended(self, client, net=10.0, **options):
        """Return the id of a run that is over."""
        body = {"workflow": "shop.v1", "inputs": {"net": net}, **options}
        made = (await client.post("/runs", json=body)).raise_for_status().json()
        await self.engine.wait(made["id"], tenant=made["tenant"])
        return made["id"]

    async def close(self):
        """Close all clients."""
        for client in self._clients:
            await client.aclose()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A real `serve --dev` for tests that leave it running. It lasts for the session."""
    with Served(tmp_path_factory.mktemp("served"), "--dev") as served:
        yield served


@pytest.fixture
def service_of(tmp_path, store_url):
    """Return a factory of services for `async with`, with the options of `create_app()`."""

    @asynccontextmanager
    async def made(**options):
        flow = shop()
        engine = RunEngine(
            [flow],
            store=store_url,
            artifacts=tmp_path / "files",
            poll_ms=20,
            metrics_collector=NodeMetricsCollector(),
        )
        app = create_app(engine, **options)
        async with app.router.lifespan_context(app):
            service = Service(app, engine, flow)
            try:
                yield service
            finally:
                await service.close()

    return made


@pytest.fixture
async def service(service_of):
    """A service without rate limits."""
    async with service_of(requests_per_s=1e6, burst=1_000_000) as made:
        yield made


@pytest.fixture
async def acme(service):
    """A client of the tenant `acme` with the role `run`."""
    return await service.caller()
