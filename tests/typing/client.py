"""The types of the client, with and without a loop; never run."""

from __future__ import annotations

from typing import Any, assert_type

from langgraph_runner import ArtifactRef, ChangeRequest, Run, RunEvent, RunPlan, RunStep, Workflow
from langgraph_runner.client import (
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RequestInvalidError,
    RunClient,
    ServiceError,
    ServiceInvalidError,
    ServiceRefusedError,
    ServiceUnreachableError,
    SyncRunClient,
    UnauthenticatedError,
)

CLIENT_ERRORS: tuple[type[ServiceError], ...] = (
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RequestInvalidError,
    ServiceInvalidError,
    ServiceRefusedError,
    ServiceUnreachableError,
    UnauthenticatedError,
)


async def awaits(shop: Workflow) -> None:
    """The client on an event loop."""
    async with RunClient("https://runs.example.com", api_key="k", workflows=[shop]) as client:
        assert_type(client, RunClient)
        run = await client.run("shop.v1", {"net": 10}, priority=3, tenant="acme")
        assert_type(run, Run)
        assert_type(await client.get_run_steps(run.id, status="failed"), list[RunStep])
        async for event in client.events(run.id):
            assert_type(event, RunEvent)


def blocks(file: ArtifactRef) -> None:
    """The client without an event loop."""
    with RunClient.sync("https://runs.example.com", api_key="k", max_attempts=3) as client:
        assert_type(client, SyncRunClient)
        run = client.run("shop.v1", {"net": 10}, failure_mode="fail_fast")
        assert_type(run, Run)
        assert_type(client.plan(run.id, ChangeRequest("net", {"net": 2})), RunPlan)
        assert_type(client.get_result(run.id), Any)
        assert_type(client.get_run_artifacts(run.id), dict[str, list[ArtifactRef]])
        assert_type(client.read_artifact(file), bytes)
        for event in client.events(run.id):
            assert_type(event.data, dict[str, Any])
