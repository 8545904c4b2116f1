"""`serve_app()`: the application behind uvicorn, on the event loop of the caller."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from typing import TYPE_CHECKING, Final

import uvicorn

from langgraph_runner.server.app import create_app
from langgraph_runner.server.auth import DevAuth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph_runner.engine import RunEngine

__all__ = ["is_loopback", "serve_app"]

_GRACE_S: Final = 5
"""How long open requests may take to end after a signal; event streams go on at the next server."""
_IDLE_S: Final = 30
"""How long a connection is kept without a request."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def serve_app(
    engine: RunEngine, *, host: str, port: int, dev_tenant: str | None, tell: Callable[[str], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        engine: Has the runs.
        host: The address to listen at.
        port: 0 for any free one.
        dev_tenant: Let anybody in as this tenant; None asks for API keys.
        tell: Is told the address once it listens.

    Raises:
        OSError: The port is taken, or the address is not of this machine.
    """
    app = create_app(engine, auth=None if dev_tenant is None else [DevAuth(dev_tenant)])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol asyncio knows that it may send at once: without, an answer waits 40 ms for an acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        await _Server(config, lambda: tell(address)).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it listens, and leaves signals ignored that are: shells see to that for background jobs."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End well on Ctrl-C and on a termination signal."""
        heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
