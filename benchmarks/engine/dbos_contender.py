"""DBOS, in its own process: an async workflow that awaits an async step for each step of the DAG.

Its database is SQLite, or the one in `BENCH_DATABASE`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dbos import DBOS, SetWorkflowID

from benchmarks.engine.child import serve
from benchmarks.engine.dag import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.engine.turns import Load, Run

_current: list[Load] = []


@DBOS.step()
async def step(name: str, received: list[Any]) -> Any:
    return await _current[0].work(name, received)


@DBOS.workflow()
async def flow(_number: int) -> int:
    load = _current[0]
    await walk(load.dag, step)
    return len(load.dag.before)


@contextlib.asynccontextmanager
async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
    """Launch DBOS at the first turn; later turns use the same database."""
    is_first = not _current
    _current[:] = [load]
    if is_first:
        url = os.environ.get("BENCH_DATABASE") or f"sqlite:///{folder / 'dbos.db'}"
        DBOS(
            config={
                "name": "bench",
                "system_database_url": url,
                "run_admin_server": False,
                "log_level": "WARNING",
            }
        )
        DBOS.launch()

    async def run(number: int) -> None:
        with SetWorkflowID(str(uuid4())):
            assert await flow(number) == len(load.dag.before)

    yield run


if __name__ == "__main__":
    serve(opened)
