"""Engines on files of their own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from langgraph_runner.engine import RunEngine


async def until(condition):
    """Let others go on until `condition()` is true."""
    while not condition():  # noqa: ASYNC110 - it looks at plain values, which tell nobody
        await asyncio.sleep(0.001)


@pytest.fixture
def engine_of(tmp_path):
    """Engines for `async with`; all of one test share a database."""

    @asynccontextmanager
    async def made(*workflows, **options):
        options.setdefault("store", f"sqlite:///{tmp_path / 'runs.db'}")
        async with RunEngine(workflows, poll_ms=20, **options) as engine:
            yield engine

    return made
