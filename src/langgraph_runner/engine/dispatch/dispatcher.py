"""`Dispatcher`: a queue that notifies workers of waiting runs. `Announcer` does so in the background.

Programs in any language may add jobs of their own: see `jobs.py`.

The database is the source of truth: if an announcement is lost, the next poll of a worker (`poll_ms`) finds the run.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from langgraph_runner.engine.logs import cause, log_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    JobHandler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]]
    """Called with the unique id and the data of a job. A `ValueError` rejects the job for good. An
    `UnknownWorkflowError` leaves it to another worker: during a deployment, not all workers have all workflows."""

__all__ = ["RUN_ORCHESTRATION", "RUN_STEPS", "Announcer", "Announcers", "Dispatcher"]

RUN_ORCHESTRATION: Final = "run-orchestration"
"""The name of the queue of runs, to which programs of other languages add jobs."""
RUN_STEPS: Final = "run-steps"
"""The first part of the names of the queues of steps: steps that name the queue `gpu` have `run-steps-gpu`."""
_PATIENCE_S: Final = 2.0
"""The time limit of an announcement."""
_AT_ONCE: Final = 500


@runtime_checkable
class Dispatcher(Protocol):
    """A queue that notifies workers of waiting runs. It may lose an announcement, or deliver it twice."""

    async def announce(self, run_ids: Sequence[str]) -> None:
        """Announce that these runs wait."""
        ...

    async def listen(self, handle: JobHandler) -> None:
        """Start to call `handle` for each job, until the queue is closed."""

    def set_paused(self, paused: bool) -> None:
        """Take no further jobs, or continue."""

    async def close(self) -> None:
        """Stop. Jobs that were not taken stay in the queue."""


class Announcers:
    """The announcers of an engine: one for runs, and one for each step queue.

    Args:
        dispatch: A queue or the URL of one. Workers poll for steps if it has no method `of_steps`, as
            `BullMQDispatcher` has. None if workers poll for runs and steps.
    """

    def __init__(self, dispatch: Dispatcher | str | None) -> None:
        if isinstance(dispatch, str):
            from langgraph_runner.engine import BullMQDispatcher  # noqa: PLC0415 - of an extra

            dispatch = BullMQDispatcher(dispatch)
        self._queue_of_steps: Callable[[str], Dispatcher] | None = getattr(dispatch, "of_steps", None)
        self._of_steps: dict[str, Announcer] = {}
        self.of_runs = Announcer(dispatch)

    def of_steps(self, name: str) -> Announcer:
        """Return the announcer of a step queue."""
        if name not in self._of_steps:
            queue = None if self._queue_of_steps is None else self._queue_of_steps(name)
            self._of_steps[name] = Announcer(queue)
        return self._of_steps[name]

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*(each.close() for each in (self.of_runs, *self._of_steps.values())))


class Announcer:
    """Announces runs in the background, several at once. Belongs to one event loop.

    Args:
        dispatcher: The queue; None if workers find runs by polling only.
    """

    def __init__(self, dispatcher: Dispatcher | None) -> None:
        self._dispatcher = dispatcher
        self._waiting: list[str] = []
        self._work: asyncio.Task[None] | None = None
        self._is_up = True

    def announce(self, run_id: str) -> None:
        """Announce a waiting run, without waiting for the queue."""
        if self._dispatcher is None:
            return
        self._waiting.append(run_id)
        if self._work is None or self._work.done():
            # In an empty context: the work serves all callers, not only the first.
            work = self._announce(self._dispatcher)
            self._work = asyncio.get_running_loop().create_task(work, context=Context())

    async def listen(self, handle: JobHandler) -> None:
        """Start to take jobs."""
        if self._dispatcher is not None:
            await self._dispatcher.listen(handle)

    def set_paused(self, paused: bool) -> None:
        """Leave jobs to other workers, or continue to take them."""
        if self._dispatcher is not None:
            self._dispatcher.set_paused(paused)

    async def close(self) -> None:
        """Finish the announcements, and close the queue."""
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
                self._waiting.clear()  # Workers find these runs by polling.
                if self._is_up:
                    self._is_up = False
                    log_event(logging.WARNING, "dispatch.announce_failed", **cause(error))
            else:
                if not self._is_up:
                    self._is_up = True
                    log_event(logging.INFO, "dispatch.announce_restored")
