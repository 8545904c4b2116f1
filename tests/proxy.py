"""A TCP proxy on loopback that can drop, reset, swallow or delay the data that goes through it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading

from tests.waiting import Observed, pause

_RESET = struct.pack("ii", 1, 0)
"""Linger for 0 s: closing sends RST instead of FIN."""


class Proxy:
    """Listens on a free port of this machine and connects each client to a socket file. Has a thread of its own.

    `fault` is None to pass all data on; "drop" closes connections, old and new; "reset" does so with RST;
    "black_hole" keeps the data until the fault ends; "swallow" discards it; "delay" passes it on after `delay_s`.
    With "black_hole" and "swallow" the packets of the client are acknowledged.

    `hits` grows each time that the fault affects a connection or its data.
    """

    def __init__(self, target: str, delay_s: float = 0.05) -> None:
        self.fault: str | None = None
        self.hits = Observed()
        self._passes = asyncio.Event()
        self._passes.set()
        self._target = target
        self._delay_s = delay_s
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._in_loop(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def set_fault(self, fault: str | None) -> None:
        """Begin a fault, also for open connections. None ends it."""
        self._in_loop(self._begin(fault))

    def close(self) -> None:
        """Stop the proxy, and close all connections."""
        self.fault = "drop"
        self._in_loop(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _begin(self, fault: str | None) -> None:
        self.fault = fault
        if fault in {"drop", "reset"}:
            await self._close_all()
        if fault == "black_hole":
            self._passes.clear()
        else:
            self._passes.set()

    async def _close_all(self) -> None:
        for writer in [*self._open]:
            self._end(writer)
        await asyncio.sleep(0)

    async def _shut_down(self) -> None:
        self._server.close()
        await self._close_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # Aborted connections are closed in the next turn of the event loop.

    def _end(self, writer: asyncio.StreamWriter) -> None:
        if self.fault == "reset":
            opened = writer.get_extra_info("socket")
            if opened is not None and opened.family == socket.AF_INET:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.fault in {"drop", "reset"}:
                self.hits.append(self.fault)
                return
            far_reader, far_writer = await asyncio.open_unix_connection(self._target)
            self._open.add(far_writer)
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
            self._open.discard(far_writer)
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            self._end(writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.fault is not None:
                    self.hits.append(self.fault)
                await self._passes.wait()
                if self.fault == "swallow":
                    continue
                if self.fault == "delay":
                    await pause(self._delay_s)
                writer.write(data)
                await writer.drain()
        self._end(writer)
