"""A service without keys refuses requests of foreign web pages."""

import pytest

from langgraph_runner.server import DevAuth

pytestmark = pytest.mark.req("R-52")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "http://test:8000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_foreign_page_changes_no_run(service_of, headers):
    """A POST without a body needs no preflight. The refusal says why."""
    async with service_of(auth=[DevAuth("acme")]) as service:
        client = service.client()
        run = (await client.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
        refused = await client.post(f"/runs/{run['id']}/cancel", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
        assert "A web page of another origin sent this request" in refused.json()["detail"]
        assert refused.headers["x-request-id"] == refused.json()["request_id"]
        assert (await service.engine.get_run(run["id"], tenant="acme")).status != "cancelled"
        service.flow.gate.set()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://test"},
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
async def test_programs_own_pages_and_links_are_served(service_of, headers):
    """A development proxy may change the host."""
    async with service_of(auth=[DevAuth("acme")]) as service:
        assert (await service.client(headers).get("/runs")).status_code == 200


async def test_a_service_with_keys_ignores_the_origin(acme):
    """A browser sends no key by itself."""
    assert (await acme.get("/runs", headers={"Origin": "https://evil.test"})).status_code == 200
