"""What the tests of the suite share: the stores, and runs and writes to fill them with."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from unittest import SkipTest

from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.commands import AdvanceRun, ClaimRun, CreateRun
from langgraph_runner.engine.store.records import NewRun, Start, StepChange
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import URL, Connection

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = [
    "EXPIRED_MS",
    "LONG_MS",
    "OUTPUT",
    "TENANT",
    "Held",
    "RefusedError",
    "StoreTests",
    "ThenFail",
    "behind",
    "claim",
    "ended",
    "grouped",
    "new",
    "started",
]

TENANT: Final = "t"
OUTPUT: Final = "f" * 64
"""The reference of the output that `ended()` writes."""
LONG_MS: Final = 3_600_000
"""A lease that does not end during a test."""
EXPIRED_MS: Final = -1
"""A lease that has ended when it is given."""
_SOON_S: Final = 30.0
_WAITING_S: Final = 0.2
"""After so long a write that is not done waits for the transaction of another process."""

ResultT = TypeVar("ResultT")


class StoreTests:
    """How the suite gets its stores."""

    is_shared: ClassVar[bool] = True
    """Whether all that `make()` gives in one test opens the same database. Set it to False for a database that is
    gone when it is closed; the suite then opens one store for each test."""

    def make(self) -> str | URL | StoreBackend:
        """The address of a database, or a backend that was opened; a database without runs for each test."""
        raise NotImplementedError

    def _needs_two_stores(self) -> None:
        """Skip a test that needs a second store, or a second opening, if the backend does not support it."""
        if not self.is_shared:
            raise SkipTest("the database is gone when it is closed")

    def _opened(self) -> RunStore:
        return RunStore(self.make(), migrate=True)

    def _with(self, check: Callable[[RunStore, RunStore], Awaitable[None]]) -> None:
        """Check with the stores of two processes, or with one store in both places."""

        async def main() -> None:
            stores = [self._opened() for _ in range(2 if self.is_shared else 1)]
            try:
                await check(stores[0], stores[-1])
            finally:
                for store in stores:
                    store.close()

        asyncio.run(main())


def new(run_id: str, *, key: str | None = None, **options: Any) -> CreateRun:
    """The write that makes a run of the workflow `w`, with one step, `s`. Options are other fields of `NewRun`."""
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "workflow": "w",
        "version": "1",
        "trigger": "manual",
        "inputs": b"{}",
        "options": "{}",
        "steps": ("s",),
        "lease_ms": LONG_MS,
    }
    return CreateRun(NewRun(id=run_id, root_run_id=run_id, idempotency_key=key, **(fields | options)))


def claim(owner: str, *, after: str = "", **options: Any) -> ClaimRun:
    """The write that claims a run of the workflow `w`."""
    return ClaimRun(owner, options.pop("lease_ms", LONG_MS), ("w",), after=after, **options)


def started(run_id: str, *, owner: str, key: str) -> AdvanceRun:
    """The write that starts the step `s`, whose result is cached under a key."""
    start = Start("s", "0" * 64, key, "1")
    return AdvanceRun(run_id, TENANT, 1, started=[start], owner=owner, seq=2)


def ended(
    run_id: str,
    *,
    tenant: str = TENANT,
    fence: int = 1,
    seq: int = 2,
    key: str | None = None,
    ttl_ms: int | None = None,
    output: bytes = b"7",
    ref: str = OUTPUT,
) -> AdvanceRun:
    """The write that ends the step `s` with an output, and the run."""
    change = StepChange(
        step="s",
        status=StepStatus.COMPLETED,
        attempts=1,
        output=output,
        output_ref=ref,
        duration_ms=1.0,
        cache_key=key,
        cache_scope=None if key is None else "workflow",
        cache_ttl_ms=ttl_ms,
    )
    return AdvanceRun(
        run_id,
        tenant,
        fence,
        steps=[change],
        seq=seq,
        events=[change.event()],
        status="completed",
        duration_ms=1,
    )


class RefusedError(Exception):
    """The fault of a write that cannot be written."""


@dataclass(slots=True)
class ThenFail(Write[None]):
    """Apply a write, and fail in the same transaction."""

    write: Write[Any]

    def apply_one(self, connection: Connection) -> None:
        """Apply the write, and fail."""
        type(self.write).apply(connection, [self.write])
        raise RefusedError


@dataclass(slots=True)
class Held(Write[None]):
    """Apply some writes, and keep the transaction open until `go` is set."""

    writes: Sequence[Write[Any]] = ()
    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def apply_one(self, connection: Connection) -> None:
        """Apply the writes, and wait."""
        for write in self.writes:
            type(write).apply(connection, [write])
        self.begun.set()
        self.go.wait(_SOON_S)

    async def until_begun(self) -> None:
        """Wait until its writes are applied."""
        assert await asyncio.to_thread(self.begun.wait, _SOON_S), "the transaction has not begun"


async def grouped(store: RunStore, *writes: Write[Any]) -> list[Any]:
    """Submit writes that the store applies as one group. Return results, and the errors of those that failed."""
    held = Held()
    first = asyncio.ensure_future(store.write(held))
    await held.until_begun()
    others = [asyncio.ensure_future(store.write(write)) for write in writes]
    await asyncio.sleep(0)  # Each submits its write.
    held.go.set()
    _, *results = await asyncio.gather(first, *others, return_exceptions=True)
    return results


async def behind(first: Write[Any], of: RunStore, second: Write[ResultT], store: RunStore) -> ResultT:
    """Submit `second` while the transaction of another process is open, and return its result.

    The transaction has applied `first`. It is committed when `second` waits for it, or is done.
    """
    held = Held([first])
    holding = asyncio.ensure_future(of.write(held))
    await held.until_begun()
    waiting = asyncio.ensure_future(store.write(second))
    await asyncio.wait({waiting}, timeout=_WAITING_S)
    held.go.set()
    await holding
    return await waiting
