"""`RunCreation`: creates a run in the transaction that starts its first steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langgraph_runner.engine.store.commands import Advanced, Created, CreateRun
from langgraph_runner.engine.store.records import new_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.commands import AdvanceRun
    from langgraph_runner.engine.store.records import NewRun, RunRow

__all__ = ["NotCreatedError", "RunCreation", "create"]


class NotCreatedError(Exception):
    """A run could not be created, and none of its steps has run. The caller of `trigger()` gets its cause."""


async def create(store: RunStore, new: NewRun) -> Created:
    """Create a run.

    Raises:
        NotCreatedError: The database refused.
    """
    try:
        return await store.write(CreateRun(new))
    except Exception as error:
        raise NotCreatedError from error


class RunCreation:
    """Creates a run that has begun before it is durable.

    Args:
        new: The run.
        on_created: Receives the row of the run once it is durable. The run may have ended by then.
    """

    def __init__(self, new: NewRun, on_created: Callable[[RunRow], None]) -> None:
        self._new = new
        self._on_created = on_created

    async def create_with(self, store: RunStore, write: AdvanceRun | None) -> Advanced:
        """Create the run, then apply its first write; without a first write, only create it.

        Raises:
            NotCreatedError: The run could not be created.
            Exception: The run is durable, but the write is not.
        """
        advanced: Advanced | BaseException = Advanced(is_accepted=True)
        if write is None:
            created = await create(store, self._new)
        else:
            # Submitted one right after the other, they mostly share one commit of the writer.
            both = create(store, self._new), store.write(write)
            made, advanced = await asyncio.gather(*both, return_exceptions=True)
            if isinstance(made, BaseException):
                raise made
            created = made
        row = new_run(self._new, fence=created.fence, at=created.at)
        if isinstance(advanced, BaseException):
            self._on_created(row)
            raise advanced
        self._on_created(advanced.ended or row)
        return advanced
