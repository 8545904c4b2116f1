"""`serve_app()` and `serve_health()`: run the applications with uvicorn, on the event loop of the caller."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from langgraph_runner.engine.checks import is_loopback
from langgraph_runner.server.app import create_app, create_health_app
from langgraph_runner.server.auth.callers import DevAuth
from langgraph_runner.server.http.connections import connection_class, max_connections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import FrameType

    from fastapi import FastAPI

    from langgraph_runner.engine import RunEngine

__all__ = ["is_loopback", "serve_app", "serve_health"]

_GRACE_S: Final = 5
"""How long open requests may take to end after a signal. Clients of event streams reconnect to the next server."""
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_IDLE_S: Final = 30
"""How long a connection without a request is kept, in seconds."""
_ACCEPTED_AT_ONCE: Final = 16
"""How many connections asyncio accepts before it runs other code: more of them than there are file descriptors would
fail, each with an entry in the log, before one is refused."""
_WAITING: Final = 2_048
"""How many connections the system keeps until they are accepted."""
_UNREAD_MS: Final = 60_000
"""How long a client may leave a response unread; without a limit, connection and response would stay in memory."""


async def serve_app(
    engine: RunEngine,
    *,
    host: str,
    port: int,
    dev_tenant: str | None,
    requests_per_s: float,
    on_listening: Callable[[str], None],
    on_stopping: Callable[[asyncio.Event], Awaitable[None]] | None = None,
) -> None:
    """Serve an engine until SIGINT or SIGTERM.

    Args:
        engine: The engine that stores and executes the runs.
        host: The address to listen on.
        port: The port to listen on; 0 picks a free one.
        dev_tenant: Serve every request for this tenant, without keys; None to require API keys.
        requests_per_s: How many requests per second a key may send; without keys there is no limit.
        on_listening: Called with the URL once the server listens.
        on_stopping: Awaited after the first signal, when no request is open, before the engine is closed. Its event
            is set at a second signal.

    Raises:
        OSError: The port is in use, or the address does not belong to this machine.
    """
    if dev_tenant is None:
        app = create_app(engine, requests_per_s=requests_per_s)
    else:
        app = create_app(engine, auth=[DevAuth(dev_tenant)], requests_per_s=math.inf)
        # Without keys, a web page whose host name resolves to this machine (DNS rebinding) could send any request.
        listens_on = f"[{host}]" if ":" in host else host
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK_NAMES, listens_on])
    with _listening_socket(host, port) as (listening, address):
        server = _Server(app, lambda: on_listening(address), handle_signals=True)
        if on_stopping is not None:
            _await_before_shutdown(app, lambda: on_stopping(server.stopped_again))
        await server.serve(sockets=[listening])


@contextlib.asynccontextmanager
async def serve_health(engine: RunEngine, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve the health and the metrics of a worker until the block ends. Signals are left to the worker.

    Args:
        engine: The engine of the worker.
        host: The address to listen on. No key is needed: everyone who can reach it sees the metrics.
        port: The port to listen on; 0 picks a free one.

    Yields:
        The URL.

    Raises:
        OSError: The port is in use, or the address does not belong to this machine.
    """
    with _listening_socket(host, port) as (listening, address):
        server = _Server(create_health_app(engine), lambda: None, handle_signals=False)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield address
        finally:
            server.should_exit = True  # A cancelled server would log the cancellation as an error.
            await serving


def _await_before_shutdown(app: FastAPI, work: Callable[[], Awaitable[None]]) -> None:
    """Await `work` before the application shuts down, which closes its engine."""
    lifespan = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def with_work(app: FastAPI) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            yield state
            await work()

    app.router.lifespan_context = with_work


@contextlib.contextmanager
def _listening_socket(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """Bind a socket, and give it with its URL."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given. Without it a response can wait 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; the connections inherit it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
        try:
            listening.bind((host, port))
            listening.listen()  # From now on connections wait for the server.
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
        url_host = f"[{host}]" if family is socket.AF_INET6 else host
        address = f"http://{url_host}:{listening.getsockname()[1]}"
        yield listening, address


class _Server(uvicorn.Server):
    """Calls back when it listens, and does not handle signals that the process ignores, as background jobs do."""

    def __init__(self, app: FastAPI, on_listening: Callable[[], None], *, handle_signals: bool) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=connection_class(_IDLE_S, max_connections()),
            backlog=_ACCEPTED_AT_ONCE,
            ws="none",
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        super().__init__(config)
        self.stopped_again = asyncio.Event()
        """Set at the second signal."""
        self._stopping: asyncio.Event = app.state.service.stopping
        self._loop = asyncio.get_running_loop()
        self._on_listening = on_listening
        self._handle_signals = handle_signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then call back."""
        await super().startup(sockets)
        if self.started:
            for listening in sockets or ():
                listening.listen(_WAITING)  # asyncio has set it to the number that it accepts at once.
            self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the responses that wait for a run, then shut down; otherwise they would last for the whole grace."""
        self._stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal, outside the event loop."""
        del sig, frame
        if self.should_exit:
            self._loop.call_soon_threadsafe(self.stopped_again.set)
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down gracefully on SIGINT and SIGTERM."""
        wanted = (signal.SIGINT, signal.SIGTERM) if self._handle_signals else ()
        handled = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
