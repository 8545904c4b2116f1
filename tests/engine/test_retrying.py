"""Retries of steps."""

from __future__ import annotations

import asyncio
import logging

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.store import queries
from langgraph_runner.workflow import Workflow


def flaky(*, is_async: bool = True):
    """A workflow of one step, whose first attempt fails with a secret in the message."""
    flow, tried = Workflow("w"), []

    def attempt() -> str:
        tried.append(1)
        if len(tried) == 1:
            raise ConnectionError("password=hunter2")
        return "done"

    if is_async:

        @flow.step(id="call", retry={"max_attempts": 3, "backoff_ms": 1})
        async def call() -> str:
            return attempt()

    else:

        @flow.step(id="call", retry={"max_attempts": 3, "backoff_ms": 1})
        def blocking() -> str:
            return attempt()

    return flow


@pytest.mark.req("R-40")
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_retry_is_an_event_of_the_run_and_counts_as_an_attempt(engine_of, is_async):
    """Followers of the run get the event at once, without the message."""
    async with engine_of(flaky(is_async=is_async)) as engine:
        run = await engine.run("w")
        (step,) = await engine.get_run_steps(run.id)
        retries = [event async for event in engine.events(run.id) if event.type == "step_retrying"]
    assert (run.status, step.attempts) == (RunStatus.COMPLETED, 2)
    (event,) = retries
    assert (event.data["step"], event.data["attempt"], event.data["error_type"]) == (
        "call",
        1,
        "ConnectionError",
    )
    assert "hunter2" not in str(event.data)


@pytest.mark.req("R-14")
async def test_a_retry_is_logged_with_its_run(engine_of, caplog):
    """The event has run, tenant, workflow and step."""
    with caplog.at_level(logging.INFO, logger="langgraph_runner.engine"):
        async with engine_of(flaky()) as engine:
            run = await engine.run("w", tenant="acme")
    (record,) = [each for each in caplog.records if each.getMessage().startswith("step.retrying")]
    assert (record.run_id, record.tenant, record.workflow, record.step) == (run.id, "acme", "w", "call")


async def test_a_retry_is_told_while_the_step_waits_for_its_next_attempt(engine_of):
    """It is not delayed until the end of the step."""
    flow, is_told = Workflow("w"), asyncio.Event()

    @flow.step(retry={"max_attempts": 2, "backoff_ms": 60_000})
    async def call() -> str:
        raise ConnectionError

    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        async for event in engine.events(run.id):
            if event.type == "step_retrying":
                is_told.set()
                await engine.cancel(run.id)
    assert is_told.is_set()


@pytest.mark.req("R-44")
async def test_a_database_that_fails_while_a_retry_is_made_makes_none(engine_of, monkeypatch):
    """The failure says nothing about the step, which will run again."""
    flow, paid = Workflow("w"), []
    flow.step(lambda: "Ada", id="who", output=str)

    @flow.step(
        cache="none", depends_on=["who"], input_selector=lambda sources: {"to": sources.outputs["who"]}
    )
    def pay(to: str) -> None:
        paid.append(to)

    @flow.step(depends_on=["pay"], effects=False)
    def fail() -> None:
        raise ValueError

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        real = queries.output_data

        def fails(*_):
            raise OperationalError("SELECT", None, OSError("gone"))

        monkeypatch.setattr(queries, "output_data", fails)
        with pytest.raises(OperationalError):
            await engine.retry(run.id)
        monkeypatch.setattr(queries, "output_data", real)
        await engine.retry(run.id)
    assert paid == ["Ada"]
