"""`RunCreation`: makes a run in the transaction that starts its first steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from langgraph_runner.engine.store.commands import Advanced, Created, CreateRun
from langgraph_runner.engine.store.records import new_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.commands import AdvanceRun
    from langgraph_runner.engine.store.records import NewRun, RunRow
    from langgraph_runner.workflow import Blueprint

__all__ = ["Found", "NotCreatedError", "RunCreation", "as_found", "create", "must_exist_first"]


class NotCreatedError(Exception):
    """A run could not be made, and nothing of it has run. Its cause is for whoever has asked for the run."""


class Found(NamedTuple):
    """What somebody who has asked for a run gets."""

    run_id: str
    """Of the new run, or of the one that was made before with the same idempotency key."""
    row: RunRow | None
    """None if it has to be read."""


def as_found(run: NewRun, created: Created) -> Found:
    """The run as it was made, where its row follows from that."""
    is_as_made = created.is_new and not run.reused
    row = new_run(run, fence=created.fence, at=created.at) if is_as_made else None
    return Found(created.run_id, row)


def must_exist_first(host: Host, blueprint: Blueprint, run: NewRun) -> bool:
    """Whether more than its inputs says how a new run begins: what has to be looked up, or the user's code."""
    return (
        run.idempotency_key is not None
        or bool(run.reused)
        or not host.cache.is_in_process
        or not host.artifacts.is_local
        or any(step.selects for step in blueprint.steps.values())
    )


async def create(store: RunStore, new: NewRun) -> Created:
    """Make a run.

    Raises:
        NotCreatedError: The database refused.
    """
    try:
        return await store.write(CreateRun(new))
    except Exception as error:
        raise NotCreatedError from error


class RunCreation:
    """What is left to do about a run that has been begun before it was made.

    Args:
        new: The run.
        on_created: Is given its row, once it is durable; that may be the one with which it has ended.
    """

    def __init__(self, new: NewRun, on_created: Callable[[RunRow], None]) -> None:
        self._new = new
        self._on_created = on_created

    async def with_first(self, store: RunStore, write: AdvanceRun | None) -> Advanced:
        """Have the run made, and its first write, if there is one, written behind.

        Raises:
            NotCreatedError: The run could not be made.
            Exception: The run is durable, the write is not.
        """
        advanced: Advanced | BaseException = Advanced(is_accepted=True)
        if write is None:
            created = await create(store, self._new)
        else:
            # Handed in one right behind the other, they mostly come into one group of the writer.
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
