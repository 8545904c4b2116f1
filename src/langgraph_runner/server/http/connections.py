"""`connection_class()`: uvicorn's HTTP connections, with limits on their number, request heads and idle clients.

uvicorn limits how long a connection may be idle after an answer, but not before the first request, and its fast
parser accepts a header of any length and several `Host` headers.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.logs import emit
from langgraph_runner.server.problems import LOGGER

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
    except ImportError:  # Without httptools; h11 itself refuses heads of more than 64 KiB.
        from uvicorn.protocols.http.h11_impl import H11Protocol as _Base

__all__ = ["connection_class", "max_connections"]

_MAX_HEAD_BYTES: Final = 65_536
"""The longest request line with headers. One more read of the socket (256 KiB) may be accepted before that."""
_SHARE: Final = 0.75
"""Which part of the file descriptors connections may use. The rest is for the database, files and steps."""
_MACOS_MAX_FILES: Final = 10_240
"""The soft limit that macOS accepts if the hard limit is infinite (setrlimit(2))."""
_LOG_EVERY_S: Final = 60.0


def max_connections() -> float:
    """Raise the soft limit of file descriptors to the hard one, and return how many connections may be open."""
    if sys.platform == "win32":
        return math.inf
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MACOS_MAX_FILES if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(OSError, ValueError):  # A sandbox may forbid it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * _SHARE)


class _Refusals:
    """Counts refused connections, and logs them at most once a minute."""

    def __init__(self, max_connections: float) -> None:
        self.max_connections = max_connections
        self._count = 0
        self._log_at = 0.0

    def add(self, now: float) -> None:
        self._count += 1
        if now >= self._log_at:
            self._log_at = now + _LOG_EVERY_S
            emit(
                LOGGER,
                logging.WARNING,
                "server.connections_refused",
                count=self._count,
                max_connections=self.max_connections,
            )
            self._count = 0


class _Connection(_Base):
    """A connection that is closed if its client sends nothing, sends too slowly, or sends too long a head."""

    idle_s: float
    refusals: _Refusals
    _closing: asyncio.TimerHandle | None = None
    _is_in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Give the client `idle_s` seconds for its first request, or refuse the connection."""
        if len(self.connections) >= self.refusals.max_connections:
            self.transport = transport
            transport.abort()
            self.refusals.add(self.loop.time())
            return
        super().connection_made(transport)
        self._close_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer, which would keep the connection in memory."""
        self._keep_open()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then restart or cancel the timer.

        Only a request that is being answered keeps the connection open. The bytes of a slow head, or of a body that
        was refused, do not.
        """
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(
                f"The request line and the headers must have at most {_MAX_HEAD_BYTES:,} bytes."
            )
        elif self._is_idle():
            self._close_later()
        else:
            self._keep_open()

    def on_message_begin(self) -> None:
        """Note that a head begins (httptools)."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check a complete head (httptools).

        Raises:
            ValueError: It does not name exactly one host (RFC 9112, section 3.2), so two servers could read it
                differently. uvicorn answers 400. h11 refuses such a head itself.
        """
        self._is_in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):  # pyright: ignore[reportOptionalMemberAccess]
            raise ValueError(f"A request must have one Host header, got {hosts}.")
        super().on_headers_complete()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_later(self) -> None:
        if self._closing is None:
            self._closing = self.loop.call_later(self.idle_s, self._close_if_idle)

    def _keep_open(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    def _close_if_idle(self) -> None:
        self._closing = None
        if self._is_idle():
            self.transport.abort()


def connection_class(idle_s: float, max_connections: float) -> type[Any]:
    """Return a protocol for `uvicorn.Config(http=...)`.

    Args:
        idle_s: How long a client may take to send the head of a request, in seconds.
        max_connections: How many connections may be open. Further ones are closed at once.
    """
    refusals = _Refusals(max_connections)
    return type("Connection", (_Connection,), {"idle_s": idle_s, "refusals": refusals})
