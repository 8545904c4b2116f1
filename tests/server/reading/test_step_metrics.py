"""Metrics of the steps of a workflow in recent runs."""

import pytest

pytestmark = pytest.mark.req("R-59")


async def test_outcomes_and_quantiles_of_each_step(service, acme):
    """Only runs of the own tenant count; a reused step has no duration."""
    for net in (10.0, 20.0, 20.0, -1.0):
        await service.ended(acme, net=net)
    other = await service.caller(tenant="other")
    await service.ended(other, net=5.0)
    found = (await acme.get("/workflows/shop.v1/metrics")).json()
    assert (found["runs"], found["by_status"]) == (4, {"completed": 3, "failed": 1})
    price, page = found["steps"]
    assert (price["step"], page["step"]) == ("price", "page")
    assert [price[name] for name in ("completed", "reused", "failed", "retried", "attempts")] == [
        2,
        1,
        1,
        0,
        3,
    ]
    assert [page[name] for name in ("completed", "reused", "failed")] == [2, 1, 0]
    assert price["p50_ms"] <= price["p99_ms"] == price["max_ms"]


async def test_only_the_newest_runs_count(service, acme):
    """`runs` says how many; a step that never ran has no durations."""
    await service.ended(acme, net=10.0)
    await service.ended(acme, net=-1.0)
    found = (await acme.get("/workflows/shop.v1/metrics?runs=1")).json()
    assert found["by_status"] == {"failed": 1}
    assert (found["steps"][0]["failed"], found["steps"][1]["p50_ms"]) == (1, None)
    assert (await acme.get("/workflows/shop.v1/metrics?runs=0")).status_code == 422
    assert (await acme.get("/workflows/none/metrics")).status_code == 404
