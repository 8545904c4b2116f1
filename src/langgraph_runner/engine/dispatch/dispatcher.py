"""`Dispatcher`: tells workers at once that a run waits. `Announcer`: does so without holding up who made the run.

The database is the truth. A run whose announcement is lost is found by the next look of any worker (`poll_ms`).
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    JobHandler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]]
    """Is called with an id that no other job ever has, and the data. A `ValueError` refuses the job for good."""

__all__ = ["Announcer", "Announcers", "Dispatcher"]

STEPS: Final = "run-steps"
"""The queue of steps that name the queue `gpu` is `run-steps-gpu`."""
_PATIENCE_S: Final = 2.0
"""How long an announcement may take."""
_AT_ONCE: Final = 500


@runtime_checkable
class Dispatcher(Protocol):
    """A queue that tells workers which runs wait. It may lose what it is told, and tell it twice."""

    async def announce(self, run_ids: Sequence[str]) -> None:
        """Tell that these runs wait."""
        ...

    async def listen(self, handle: JobHandler) -> None:
        """Begin to call `handle` for each job, until it is closed."""

    def set_paused(self, paused: bool) -> None:
        """Take no further jobs, or go on."""

    async def close(self) -> None:
        """Stop. What is announced and not taken stays in the queue."""


class Announcers:
    """The queues of an engine: one for runs, and one for each name that steps give.

    Args:
        dispatch: The address of a server, on which each has a queue of its own; a queue for runs, which leaves steps
            to the polls of their workers; None to leave all to polls.
    """

    def __init__(self, dispatch: Dispatcher | str | None) -> None:
        self._address = dispatch if isinstance(dispatch, str) else None
        self._of_steps: dict[str, Announcer] = {}
        given = None if isinstance(dispatch, str) else dispatch
        self.of_runs = Announcer(given if self._address is None else self._queue(None))

    def of_steps(self, name: str) -> Announcer:
        """That of a step queue."""
        if name not in self._of_steps:
            self._of_steps[name] = Announcer(None if self._address is None else self._queue(name))
        return self._of_steps[name]

    def _queue(self, steps: str | None) -> Dispatcher:
        from langgraph_runner.engine import BullMQDispatcher  # noqa: PLC0415 - of an extra

        if steps is None:
            return BullMQDispatcher(str(self._address))
        return BullMQDispatcher(str(self._address), queue=f"{STEPS}-{steps}")

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*(each.close() for each in (self.of_runs, *self._of_steps.values())))


class Announcer:
    """The queue of an engine, if it has one: announces in the background, several runs at once.

    Belongs to one event loop.

    Args:
        dispatcher: The queue; None if workers find runs only by looking for them.
    """

    def __init__(self, dispatcher: Dispatcher | None) -> None:
        self._dispatcher = dispatcher
        self._waiting: list[str] = []
        self._work: asyncio.Task[None] | None = None
        self._is_up = True

    def announce(self, run_id: str) -> None:
        """Tell that a run waits, soon."""
        if self._dispatcher is None:
            return
        self._waiting.append(run_id)
        if self._work is None or self._work.done():
            # In an empty context: the work serves all callers, not only the first.
            work = self._announce(self._dispatcher)
            self._work = asyncio.get_running_loop().create_task(work, context=Context())

    async def listen(self, handle: JobHandler) -> None:
        """Begin to take jobs."""
        if self._dispatcher is not None:
            await self._dispatcher.listen(handle)

    def set_paused(self, paused: bool) -> None:
        """Leave jobs to other workers, or go on."""
        if self._dispatcher is not None:
            self._dispatcher.set_paused(paused)

    async def close(self) -> None:
        """Announce what is left, and close the queue."""
        if self._work is not None:
            await self._work
        if self._dispatcher is not None:
            await self._dispatcher.close()

    async def _announce(self, dispatcher: Dispatcher) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await dispatcher.announce(some)
            except Exception as error:
                self._waiting.clear()  # The workers will find these runs when they look for themselves.
                if self._is_up:
                    self._is_up = False
                    kind = type(error).__name__
                    emit(LOGGER, logging.WARNING, "dispatch.announce_failed", error_type=kind)
            else:
                if not self._is_up:
                    self._is_up = True
                    emit(LOGGER, logging.INFO, "dispatch.announce_restored")
