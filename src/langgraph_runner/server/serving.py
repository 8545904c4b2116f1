"""`serve_app()`: the application behind uvicorn, on the event loop of the caller."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from langgraph_runner.engine.checks import is_loopback
from langgraph_runner.server.app import create_app, create_health_app
from langgraph_runner.server.auth import DevAuth
from langgraph_runner.server.connections import connection_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from langgraph_runner.engine import RunEngine

__all__ = ["is_loopback", "serve_app", "serve_health"]

_GRACE_S: Final = 5
"""How long open requests may take to end after a signal; event streams go on at the next server."""
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_IDLE_S: Final = 30
"""How long a connection is kept without a request."""
_UNREAD_MS: Final = 60_000
"""How long a client may leave an answer unread; without a limit, connection and answer would stay for ever."""


async def serve_app(
    engine: RunEngine,
    *,
    host: str,
    port: int,
    dev_tenant: str | None,
    requests_per_s: float,
    tell: Callable[[str], None],
) -> None:
    """Serve until a signal ends it.

    Args:
        engine: Has the runs.
        host: The address to listen at.
        port: 0 picks a free one.
        dev_tenant: Needs no keys, and serves every request for this tenant; None asks for API keys.
        requests_per_s: How many requests a key may send a second; without keys there is no limit.
        tell: Is called with the address once it listens.

    Raises:
        OSError: The port is taken, or the address is not of this machine.
    """
    if dev_tenant is None:
        app = create_app(engine, requests_per_s=requests_per_s)
    else:
        app = create_app(engine, auth=[DevAuth(dev_tenant)], requests_per_s=math.inf)
        # Without keys, a web page whose name leads to this machine (DNS rebinding) could do what it likes.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK_NAMES)
    await _listen(app, host=host, port=port, tell=tell)


async def serve_health(engine: RunEngine, *, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve the health and the metrics of a worker until cancelled. It hears no signals.

    Args:
        engine: Of the worker.
        host: The address to listen at. Whoever reaches it sees the metrics: it asks for no key.
        port: 0 picks a free one.
        tell: Is called with the address once it listens.

    Raises:
        OSError: The port is taken, or the address is not of this machine.
    """
    await _listen(create_health_app(engine), host=host, port=port, tell=tell, hears_signals=False)


async def _listen(
    app: FastAPI, *, host: str, port: int, tell: Callable[[str], None], hears_signals: bool = True
) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol asyncio knows that it may send at once: without, an answer waits 40 ms for an acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; the connections inherit it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen at {host}:{port}: {error.strerror}") from error
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=connection_class(_IDLE_S),
            ws="none",
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        await _Server(config, lambda: tell(address), hears_signals).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Calls back when it listens, and keeps ignoring signals that the process ignores, as background jobs do."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None], hears_signals: bool) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._hears_signals = hears_signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End well on Ctrl-C and on a termination signal."""
        wanted = (signal.SIGINT, signal.SIGTERM) if self._hears_signals else ()
        heard = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
