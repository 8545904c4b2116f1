"""Prefect with its server on loopback, in its own process: an async flow that awaits a task for each step."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from benchmarks.engine.child import serve
from benchmarks.engine.dag import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.engine.turns import Load, Run


@contextlib.asynccontextmanager
async def opened(load: Load, _folder: Path) -> AsyncIterator[Run]:
    """The first run starts the server, which ends with the process."""

    @task(cache_policy=NO_CACHE)
    async def step(name: str, received: list[Any]) -> Any:
        return await load.work(name, received)

    @flow
    async def whole(number: int) -> int:
        await walk(load.dag, step)
        return len(load.dag.before)

    async def run(number: int) -> None:
        assert await whole(number) == len(load.dag.before)

    yield run


if __name__ == "__main__":
    serve(opened)
