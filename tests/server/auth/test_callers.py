"""API keys that are in use, unknown or revoked; requests without a key; the rate of each caller."""

import asyncio
import json

import pytest

from langgraph_runner.server import ApiKeyAuth, Caller, DevAuth, Role, UnknownKeyError
from langgraph_runner.server.auth import callers as module
from langgraph_runner.server.auth.callers import Guard
from langgraph_runner.server.problems import ApiError
from langgraph_runner.testing import FakeRuntime

pytestmark = pytest.mark.req("R-57")


async def test_a_revoked_key_stops_working(service, monkeypatch):
    """A server caches keys for 5 seconds; after that the key is refused."""
    clock = FakeRuntime()
    (auth,) = service.app.state.service.guard._authenticators
    monkeypatch.setattr(auth._keys, "runtime", clock.awaiting)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    assert (await client.get("/runs")).status_code == 200
    await service.keys.revoke(key.id)
    clock.advance(4.9)
    assert (await client.get("/runs")).status_code == 200
    clock.advance(0.1)
    assert (await client.get("/runs")).status_code == 401
    with pytest.raises(UnknownKeyError, match=key.id):
        await service.keys.revoke(key.id)


@pytest.mark.parametrize("is_change", [False, True])
async def test_a_key_is_checked_again_after_a_wait(service, monkeypatch, is_change):
    """A key that is revoked during a long poll, or while the body arrives, gets no run."""
    clock = FakeRuntime()
    (auth,) = service.app.state.service.guard._authenticators
    monkeypatch.setattr(auth._keys, "runtime", clock.awaiting)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    body = {"workflow": "shop.v1", "inputs": {"net": 1_000}}
    run_id = (await client.post("/runs", json=body)).json()["id"]

    async def revoke():
        await service.keys.revoke(key.id)
        clock.advance(5)

    async def slow_body():
        await revoke()
        yield json.dumps(body).encode()

    async def revoke_then_end(*_, **__):
        await revoke()

    monkeypatch.setattr(service.engine, "wait", revoke_then_end)
    if is_change:
        headers = {"Content-Type": "application/json"}
        refused = await client.post("/runs", content=slow_body(), headers=headers)
    else:
        refused = await client.get(f"/runs/{run_id}?wait_ms=20000")
    assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
    assert len(await service.engine.list_runs(tenant="acme")) == 1
    service.flow.gate.set()


async def test_a_flood_of_wrong_keys_does_not_delay_a_key_in_use(service, monkeypatch):
    """Wrong keys are looked up two at a time; text that does not look like a key is never looked up."""
    auth, clock = ApiKeyAuth(service.keys), FakeRuntime()
    monkeypatch.setattr(service.keys, "runtime", clock.awaiting)
    good = await service.keys.create(tenant="acme", name="good")
    assert (await auth.authenticate(good.key)).tenant == "acme"
    clock.advance(5)
    find, at_work, most, held = service.keys.find, 0, 0, asyncio.Event()

    async def slow(key):
        nonlocal at_work, most
        if key != good.key:
            at_work += 1
            most = max(most, at_work)
            await held.wait()
            at_work -= 1
        return await find(key)

    monkeypatch.setattr(service.keys, "find", slow)
    wrong = [asyncio.ensure_future(auth.authenticate(f"lgr_{n:012x}_{n:064x}")) for n in range(50)]
    await asyncio.sleep(0)
    assert (await auth.authenticate(good.key)).tenant == "acme"
    held.set()
    assert await asyncio.gather(*wrong) == [None] * 50
    assert most == 2
    assert len(auth._known) == 1


async def test_dev_auth_makes_every_caller_an_admin():
    """Any credential is accepted."""
    caller = await DevAuth("acme").authenticate("x")
    assert (caller.actor, caller.tenant, caller.role) == ("dev", "acme", "admin")


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
    """The status is 401 for any content of the header."""
    refused = await service.client({"Authorization": given.encode("latin-1")}).get("/runs")
    assert refused.status_code == 401


async def test_a_caller_with_too_many_requests_gets_429(service_of):
    """The response has `Retry-After`; other callers are not limited."""
    async with service_of(requests_per_s=0.001, burst=2) as service:
        one, other = await service.caller(), await service.caller()
        assert [(await one.get("/workflows")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await one.get("/workflows")
        assert refused.json()["code"] == "RATE_LIMITED"
        assert 900 < int(refused.headers["retry-after"]) <= 1_000
        assert (await other.get("/workflows")).status_code == 200


async def test_a_caller_may_send_again_after_the_wait():
    """The rate holds on average: a caller who waits may send as many requests at once as before."""
    clock = FakeRuntime()

    class Anyone:
        async def authenticate(self, credential):
            return Caller("dev", "acme", Role.RUN)

    guard = Guard([Anyone()], requests_per_s=2, burst=3, runtime=clock.awaiting)
    for wait_s, burst in ((0, 3), (0.5, 1), (1, 2), (10, 3)):
        clock.advance(wait_s)
        for _ in range(burst):
            await guard.admit("Bearer x", Role.READ)
        with pytest.raises(ApiError, match="wait 1 s") as refused:
            await guard.admit("Bearer x", Role.READ)
        assert refused.value.headers == {"Retry-After": "1"}


async def test_rates_of_two_tenants_with_one_subject_are_separate():
    """Requests of one tenant neither slow the other down nor show it anything."""

    class BySubject:
        async def authenticate(self, credential):
            return Caller("jwt:ada", credential, Role.RUN)

    guard = Guard([BySubject()], requests_per_s=0.001, burst=1, runtime=FakeRuntime().awaiting)
    for tenant in ("acme", "other"):
        await guard.admit(f"Bearer {tenant}", Role.READ)
        with pytest.raises(ApiError, match="Too many requests"):
            await guard.admit(f"Bearer {tenant}", Role.READ)


async def test_the_memory_for_callers_is_limited(service, monkeypatch):
    """Callers come and go."""
    monkeypatch.setattr(module, "_MAX_REMEMBERED", 2)
    for _ in range(4):
        caller = await service.caller()
        assert (await caller.get("/runs")).status_code == 200
        assert (await caller.get("/runs")).status_code == 200
    guard = service.app.state.service.guard
    assert len(guard._scheduled) <= 3
    (keys,) = guard._authenticators
    assert len(keys._known) <= 2
