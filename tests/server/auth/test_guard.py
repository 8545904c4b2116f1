"""The guard: requests without a valid key, and the rate of each caller."""

import pytest

from langgraph_runner.server import Caller, Role
from langgraph_runner.server.auth import callers as module
from langgraph_runner.server.auth.guard import Guard
from langgraph_runner.server.problems import ApiError

pytestmark = pytest.mark.req("R-57")


async def test_requests_without_a_key_are_refused(service):
    """Only the health routes need no key."""
    guest = service.client()
    for path in ("/runs", "/workflows", "/metrics", "/audit", "/caller"):
        refused = await guest.get(path)
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert (await guest.get("/healthz")).json() == {"status": "ok"}
    assert (await guest.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize(
    "given",
    ["", "lgr_", "lgr_000000000000_00", "Basic eDp5", "Bearer", "Bearer lgr_%_x", "Bearer lgr_\xe9_x"],
)
async def test_an_invalid_authorization_header_is_refused(service, given):
    """With 401, whatever it contains."""
    refused = await service.client({"Authorization": given.encode("latin-1")}).get("/runs")
    assert refused.status_code == 401


async def test_a_caller_with_too_many_requests_gets_429(service_of):
    """With `Retry-After`; other callers are not limited."""
    async with service_of(requests_per_s=0.001, burst=2) as service:
        one, other = await service.caller(), await service.caller()
        assert [(await one.get("/workflows")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await one.get("/workflows")
        assert refused.json()["code"] == "RATE_LIMITED"
        assert 900 < int(refused.headers["retry-after"]) <= 1_000
        assert (await other.get("/workflows")).status_code == 200


async def test_rates_of_two_tenants_with_one_subject_are_separate():
    """Requests of one tenant neither slow the other down nor show it anything."""

    class BySubject:
        async def authenticate(self, credential):
            return Caller("jwt:ada", credential, Role.RUN)

    guard = Guard([BySubject()], requests_per_s=0.001, burst=1)
    for tenant in ("acme", "other"):
        await guard.admit(f"Bearer {tenant}", Role.READ)
        with pytest.raises(ApiError, match="Too many requests"):
            await guard.admit(f"Bearer {tenant}", Role.READ)


async def test_the_memory_for_callers_is_limited(service, monkeypatch):
    """Callers come and go."""
    monkeypatch.setattr(module, "_MAX_REMEMBERED", 2)
    monkeypatch.setattr("langgraph_runner.server.auth.guard._MAX_REMEMBERED", 2)
    for _ in range(4):
        caller = await service.caller()
        assert (await caller.get("/runs")).status_code == 200
        assert (await caller.get("/runs")).status_code == 200
    guard = service.app.state.service.guard
    assert len(guard._scheduled) <= 3
    (keys,) = guard._authenticators
    assert len(keys._known) <= 2
