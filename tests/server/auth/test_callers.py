"""Authenticators: API keys that are in use, unknown or revoked; development without keys."""

import asyncio

import pytest

from langgraph_runner.server import ApiKeyAuth, DevAuth, UnknownKeyError
from langgraph_runner.server.auth import callers as module

pytestmark = pytest.mark.req("R-57")


async def test_a_revoked_key_stops_working(service, monkeypatch):
    """After the time for which a server remembers keys."""
    monkeypatch.setattr(module, "_REMEMBERED_S", 0.0)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    assert (await client.get("/runs")).status_code == 200
    await service.keys.revoke(key.id)
    assert (await client.get("/runs")).status_code == 401
    with pytest.raises(UnknownKeyError, match=key.id):
        await service.keys.revoke(key.id)


async def test_a_flood_of_wrong_keys_does_not_delay_a_key_in_use(service, monkeypatch):
    """Wrong keys are looked up two at a time; text that does not look like a key is never looked up."""
    auth = ApiKeyAuth(service.keys)
    good = await service.keys.create(tenant="acme", name="good")
    assert (await auth.authenticate(good.key)).tenant == "acme"
    monkeypatch.setattr("langgraph_runner.server.auth.callers._REMEMBERED_S", 0.0)
    auth._known[good.key] = 0.0, auth._known[good.key][1]
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
    """For any credential."""
    caller = await DevAuth("acme").authenticate("x")
    assert (caller.actor, caller.tenant, caller.role) == ("dev", "acme", "admin")
