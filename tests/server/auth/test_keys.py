"""API keys: roles, rotation, storage, and the limits of their arguments."""

from datetime import timedelta

import pytest

from langgraph_runner.server import Role

pytestmark = pytest.mark.req("R-57")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("read", {"/runs": 200, "POST": 403, "/audit": 403}),
        ("run", {"/runs": 200, "POST": 201, "/audit": 403}),
    ],
)
async def test_a_role_allows_only_its_own_requests(service, role, allowed):
    """Others get 403."""
    caller = await service.caller(role)
    answer = await caller.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1}})
    assert answer.status_code == allowed["POST"]
    for path in ("/runs", "/audit"):
        assert (await caller.get(path)).status_code == allowed[path]


async def test_a_rotated_key_works_until_its_grace_ends(service):
    """The new key has the same tenant, name and role."""
    old = await service.keys.create(tenant="acme", name="me", role="admin")
    new = await service.keys.rotate(old.id, grace=timedelta(hours=1))
    assert (new.tenant, new.name, new.role) == ("acme", "me", Role.ADMIN)
    assert (await service.keys.find(old.key)).id == old.id
    assert (await service.keys.find(new.key)).id == new.id
    await service.keys.rotate(new.id, grace=timedelta())
    assert await service.keys.find(new.key) is None


async def test_a_key_is_stored_only_as_a_hash(service):
    """A list does not show the key, and a wrong secret finds nothing."""
    key = await service.keys.create(tenant="acme", name="me", expires_in=timedelta(days=1))
    (listed,) = await service.keys.list(tenant="acme")
    assert key.model_dump(exclude={"key"}) == listed.model_dump()
    assert listed.expires_at - listed.created_at == timedelta(days=1)
    assert await service.keys.list(tenant="other") == []
    wrong = key.key[:-1] + ("0" if key.key[-1] != "0" else "1")
    assert await service.keys.find(wrong) is None


@pytest.mark.parametrize(
    "given",
    [
        {"tenant": "", "name": "x"},
        {"tenant": "t", "name": ""},
        {"tenant": "t", "name": "x", "role": "boss"},
        {"tenant": "t", "name": "x", "expires_in": timedelta()},
    ],
)
async def test_invalid_arguments_of_a_key_are_refused(service, given):
    """The message names the argument."""
    with pytest.raises(ValueError, match=r"tenant|name|role|expires_in"):
        await service.keys.create(**given)
