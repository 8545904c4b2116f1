"""`collect_files`: deletes files that no run refers to, while other engines write new ones."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.logs import log_event
from langgraph_runner.engine.store.commands import FilesInUse

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host

__all__ = ["collect_files"]

_MIN_AGE_S: Final = 86_400
"""A step may run for long between saving a file and its commit; until then, nothing refers to the file."""


async def collect_files(host: Host) -> int:
    """Delete files that are at least a day old and that no run or cache entry refers to, and half-written files.

    Returns how many. Nothing is deleted from a store that several databases use, because other databases may refer to
    its files; this logs a warning.
    """
    files = host.artifacts.store
    others = await asyncio.to_thread(files.owners) - {host.store.store_id}
    if others:
        place = files.uri("0" * 64).rpartition("/00/")[0]
        log_event(logging.WARNING, "files.shared", place=place, databases=len(others) + 1)
        return 0
    old = await asyncio.to_thread(files.old_files, _MIN_AGE_S)
    if not old:
        return 0
    # One query for all files, because all other writers wait meanwhile.
    in_use = await host.store.write(FilesInUse(old))
    unused = [name for name in old if name not in in_use]
    count, size = await asyncio.to_thread(files.delete, unused, _MIN_AGE_S)
    if count:
        log_event(logging.INFO, "files.collected", files=count, bytes=size)
    return count
