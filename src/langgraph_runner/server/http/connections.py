"""`connection_class()`: uvicorn's HTTP connections, with limits on the head of a request and on idle clients.

uvicorn limits how long a connection may be idle after an answer, but not before the first request, and its fast
parser accepts a header of any length and several `Host` headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
    except ImportError:  # Without httptools; h11 itself refuses heads of more than 64 KiB.
        from uvicorn.protocols.http.h11_impl import H11Protocol as _Base

__all__ = ["connection_class"]

_MAX_HEAD_BYTES: Final = 65_536
"""The longest request line with headers. One more read of the socket (256 KiB) may be accepted before that."""


class _Connection(_Base):
    """A connection that is closed if its client sends nothing, sends too slowly, or sends too long a head."""

    idle_s: float
    _closing: asyncio.TimerHandle | None = None
    _is_in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Give the client `idle_s` seconds for its first request."""
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


def connection_class(idle_s: float) -> type[Any]:
    """Return a protocol for `uvicorn.Config(http=...)`.

    Args:
        idle_s: How long a client may take to send the head of a request, in seconds.
    """
    return type("Connection", (_Connection,), {"idle_s": idle_s})
