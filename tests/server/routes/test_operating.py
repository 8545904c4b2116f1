"""Metrics, readiness and workers."""

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import StoreUnavailableError

pytestmark = pytest.mark.req("R-52")


async def test_metrics_count_runs_requests_and_steps(service, acme):
    """Admins get them in the format of Prometheus."""
    await service.ended(acme)
    await acme.get("/guest/serves/this")
    admin = await service.caller("admin")
    shown = (await admin.get("/metrics")).text
    for line in (
        'langgraph_runner_runs{status="pending"} 0.0',
        'langgraph_runner_requests_total{method="POST",route="/runs",status="201"} 1.0',
        'langgraph_runner_requests_total{method="none",route="none",status="404"} 1.0',
        'langgraph_node_executions_total{node="price",outcome="success"} 1.0',
        "langgraph_runner_oldest_waiting_seconds 0.0",
        'langgraph_runner_db_connections{kind="in_use"} ',
        "langgraph_runner_cache_hot_tier_up 1.0",
        "langgraph_runner_cache_hot_tier_failures_total 0.0",
    ):
        assert line in shown, line


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", None, Exception("gone")),
        StoreUnavailableError(store="x", detail="no answer"),
    ],
    ids=["away", "unanswered"],
)
async def test_a_service_without_its_database_is_not_ready(service, monkeypatch, error):
    """It is not ready, but alive."""

    async def fail(*_arguments):
        raise error

    monkeypatch.setattr(service.engine.store, "read", fail)
    guest = service.client()
    unready = await guest.get("/readyz")
    assert (unready.status_code, unready.json()["code"]) == (503, "NOT_READY")
    assert (await guest.get("/healthz")).status_code == 200


async def test_every_role_sees_the_workers(service, acme):
    """The overview has only run ids of the own tenant."""
    run_id = await service.ended(acme)
    await service.engine._worker.presence.report()
    reader = await service.caller("read")
    overview = (await reader.get("/workers")).json()
    (worker,) = overview["workers"]
    assert (worker["state"], worker["workflows"], worker["active_runs"]) == ("working", ["shop.v1"], 0)
    assert (overview["waiting_runs"], overview["oldest_waiting_ms"], run_id in worker["run_ids"]) == (
        0,
        None,
        False,
    )
    assert (await service.client().get("/workers")).status_code == 401
