"""`EventParser`: parse server-sent events (WHATWG HTML, section 9.2). It does no I/O."""

from __future__ import annotations

from typing import Final

__all__ = ["EventParser"]

_MAX_LINE: Final = 64 * 1024 * 1024
"""The longest line. A langgraph-runner service sends none that is longer."""


class EventParser:
    """Collects the `data` of events from the chunks of one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Parse a chunk.

        Returns:
            The data of the events that end in this chunk. Comments and events without data are left out.

        Raises:
            ValueError: A line is longer than 64 MiB.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MAX_LINE:
            raise ValueError("a line of the event stream is longer than 64 MiB")
        done: list[bytes] = []
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not name and not value and self._data:  # An empty line ends an event; `: ...` is a comment.
                done.append(b"\n".join(self._data))
                self._data = []
        return done
