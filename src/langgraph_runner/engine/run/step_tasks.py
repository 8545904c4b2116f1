"""`StepTasks`: the asyncio tasks of one run: running steps, and waits for results of other runs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator

    from langgraph_runner.engine.store.records import StepChange

__all__ = ["StepTasks"]


class StepTasks:
    """Starts tasks and returns those that are done. Belongs to one event loop."""

    def __init__(self) -> None:
        self._steps: dict[asyncio.Task[StepChange], str] = {}
        self._waits: dict[asyncio.Task[None], str] = {}
        self._done: deque[asyncio.Task[Any]] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """Return how many steps run; waits do not count."""
        return len(self._steps)

    def start(self, step: str, work: Coroutine[Any, Any, StepChange]) -> None:
        """Run a step."""
        self._steps[self._spawn(work)] = step

    def wait_for_result(self, step: str, wait: Coroutine[Any, Any, None]) -> None:
        """Wait until another run has computed the result of a step."""
        self._waits[self._spawn(wait)] = step

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._note_done)
        return task

    def _note_done(self, task: asyncio.Task[Any]) -> None:
        self._done.append(task)
        self.wake()

    def wake(self) -> None:
        """End the current `wait()`, or the next one."""
        self._wake.set()

    async def wait(self) -> None:
        """Wait until a task is done or `wake()` is called."""
        await self._wake.wait()

    def begin_turn(self) -> None:
        """Forget earlier calls of `wake()`: this turn handles their causes."""
        self._wake.clear()

    def take_done(self) -> Iterator[tuple[str, asyncio.Task[StepChange] | None]]:
        """Yield each task that is done, once: the step with its task, or with None if it only waited."""
        while self._done:
            task = self._done.popleft()
            if task in self._waits:
                yield self._waits.pop(task), None
            elif task in self._steps:
                yield self._steps.pop(task), task

    def cancel_waits(self) -> list[str]:
        """Stop waiting for results of other runs; return the steps that did."""
        steps = [*self._waits.values()]
        for task in self._waits:
            task.cancel()
        self._waits.clear()
        return steps

    def cancel_not_begun(self, begun: Collection[str]) -> None:
        """Cancel steps that still wait for a slot. The others are stopped by their abort signal."""
        for task, step in self._steps.items():
            if step not in begun:
                task.cancel()

    async def cancel_all(self) -> None:
        """Cancel everything, and wait for its end."""
        tasks: list[asyncio.Task[Any]] = [*self._steps, *self._waits]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._steps.clear()
        self._waits.clear()
