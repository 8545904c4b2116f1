"""`Live`: a real server in a thread of this process, which can be stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import uvicorn
from pydantic import BaseModel

from langgraph_runner import Workflow
from langgraph_runner.engine import RunEngine
from langgraph_runner.server import ApiKeys, create_app
from tests.waiting import Gate


class Order(BaseModel):
    """The inputs of the shop."""

    net: float
    customer: str = "Ada"


class Bill(BaseModel):
    """The result of the shop."""

    total: float
    customer: str


GATE = Gate()
"""Steps of orders above 1,000 wait for it."""
shop = Workflow("shop.v1", inputs=Order, description="Prices an order.", result="bill")


@shop.step
def price(net: float) -> float:
    """Fail for a negative price."""
    if net < 0:
        raise ValueError("a negative price")
    return net * 1.25


@shop.step
async def bill(price: float, customer: str, ctx) -> Bill:
    """Wait for the gate if the price is high, and save a page."""
    if price > 1_000:
        await GATE.wait()
    ctx.save_artifact("shown/page 1.html", f"<b>{price}</b>", "text/html")
    return Bill(total=price, customer=customer)


@shop.step
def note(price: float) -> str:
    """A second final step."""
    return f"{price:g}"


shop.on_change("set", description="Another order.")


class Server(uvicorn.Server):
    """Calls back when it listens, and installs no signal handlers."""

    capture_signals = staticmethod(contextlib.nullcontext)

    async def serve_then_call(self, listening):
        """Serve until the end, and call `listening` once."""
        self._listening = listening
        await self.serve()

    async def startup(self, sockets=None):
        """Start to listen."""
        await super().startup(sockets)
        self._listening()


class Live:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, folder):
        self.folder = folder
        self.store = f"sqlite:///{folder}/runs.db"
        self.port = 0
        self.start()

    @property
    def url(self):
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    def engine(self):
        """Make another engine on the database of the server. It runs nothing."""
        engine = RunEngine(store=self.store, artifacts=self.folder / "files")
        engine.take_on("none")
        return engine

    def start(self):
        """Start the server, and wait until it listens."""
        self._listens = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._listens.wait(30)

    async def _serve(self):
        engine = RunEngine([shop], store=self.store, artifacts=self.folder / "files", poll_ms=20)
        app = create_app(engine, requests_per_s=1e6, burst=1_000_000)
        config = uvicorn.Config(app, port=self.port, log_config=None, timeout_graceful_shutdown=0)
        self._server = Server(config)
        await self._server.serve_then_call(self._listening)

    def _listening(self):
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self._listens.set()

    def stop(self):
        """Stop the server at once. Open streams break off."""
        self._server.should_exit = True
        self._thread.join(30)

    async def key(self, role="run", tenant="acme"):
        """Create an API key."""
        async with self.engine() as engine:
            return (await ApiKeys(engine.store).create(tenant=tenant, name=role, role=role)).key
