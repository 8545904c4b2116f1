"""Who may do what: keys, roles, tenants, rates, the audit log."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from langgraph_runner.server import ApiKeyAuth, Caller, JwtAuth, Role, UnknownKeyError
from langgraph_runner.server.auth import callers as module

pytestmark = pytest.mark.req("R-57")


async def test_without_a_key_nobody_gets_in(service):
    """But health is for anybody."""
    nobody = service.client()
    for path in ("/runs", "/workflows", "/metrics", "/audit", "/caller"):
        refused = await nobody.get(path)
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert (await nobody.get("/healthz")).json() == {"status": "ok"}
    assert (await nobody.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize(
    "given",
    ["", "lgr_", "lgr_000000000000_00", "Basic eDp5", "Bearer", "Bearer lgr_%_x", "Bearer lgr_\xe9_x"],
)
async def test_what_is_no_key_is_refused(service, given):
    """Whatever it is."""
    refused = await service.client({"Authorization": given.encode("latin-1")}).get("/runs")
    assert refused.status_code == 401


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("read", {"/runs": 200, "POST": 403, "/audit": 403}),
        ("run", {"/runs": 200, "POST": 201, "/audit": 403}),
    ],
)
async def test_a_role_allows_what_it_says(service, role, allowed):
    """And no more."""
    caller = await service.caller(role)
    answer = await caller.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1}})
    assert answer.status_code == allowed["POST"]
    for path in ("/runs", "/audit"):
        assert (await caller.get(path)).status_code == allowed[path]


@pytest.mark.req("R-53")
async def test_another_tenant_sees_a_run_as_one_that_is_not_there(service, acme):
    """In every place where an id can stand the answer is the same, but for the id."""
    run_id, unknown = await service.ended(acme), "0" * 32
    other = await service.caller("admin", tenant="other")
    change = {"change": {"type": "set", "payload": {}}}
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/steps", None),
        ("GET", "/steps/price/output", None),
        ("GET", "/artifacts", None),
        ("GET", "/artifacts/page/shown/page 1.html", None),
        ("GET", "/events", None),
        ("GET", "/events?follow=false", None),
        ("GET", "?wait_ms=1000", None),
        ("POST", "/plan", change),
        ("POST", "/update", change),
        ("POST", "/cancel", None),
        ("POST", "/retry", None),
    ):
        foreign = await other.request(method, f"/runs/{run_id}{path}", json=body)
        missing = await other.request(method, f"/runs/{unknown}{path}", json=body)
        assert (foreign.status_code, foreign.json()["code"]) == (404, "RUN_NOT_FOUND"), path
        said = foreign.json() | {"request_id": ""}
        of_missing = missing.json() | {"detail": said["detail"], "attributes": {"run_id": run_id}}
        assert said == of_missing | {"request_id": ""}, path
    assert (await other.get(f"/runs?id_prefix={run_id}")).json()["items"] == []
    assert (await other.get(f"/runs?base_run_id={run_id}")).json()["items"] == []
    assert (await acme.get(f"/runs/{run_id}")).json()["status"] == "completed"


async def test_a_revoked_key_works_no_longer(service, monkeypatch):
    """A server remembers for a moment."""
    monkeypatch.setattr(module, "_REMEMBERED_S", 0.0)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    assert (await client.get("/runs")).status_code == 200
    await service.keys.revoke(key.id)
    assert (await client.get("/runs")).status_code == 401
    with pytest.raises(UnknownKeyError, match=key.id):
        await service.keys.revoke(key.id)


async def test_a_rotated_key_works_beside_the_new_one(service):
    """For as long as it is told."""
    old = await service.keys.create(tenant="acme", name="me", role="admin")
    new = await service.keys.rotate(old.id, grace=timedelta(hours=1))
    assert (new.tenant, new.name, new.role) == ("acme", "me", Role.ADMIN)
    assert (await service.keys.find(old.key)).id == old.id
    assert (await service.keys.find(new.key)).id == new.id
    await service.keys.rotate(new.id, grace=timedelta())
    assert await service.keys.find(new.key) is None


async def test_a_key_is_kept_as_its_hash(service):
    """Neither the secret nor the key is in the database, and a list does not show it."""
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
async def test_a_key_that_cannot_be_meant_is_refused(service, given):
    """Each argument is named."""
    with pytest.raises(ValueError, match=r"tenant|name|role|expires_in"):
        await service.keys.create(**given)


async def test_each_change_is_in_the_audit_log(service, acme):
    """Also one that was refused; of the tenant only."""
    run_id = await service.ended(acme)
    await acme.post("/runs", json={"workflow": "gone"}, headers={"X-Request-Id": "mine"})
    await acme.post(f"/runs/{run_id}/cancel")
    admin = await service.caller("admin")
    page = (await admin.get("/audit?limit=2")).json()
    assert [(each["action"], each["target"], each["status"]) for each in page["items"]] == [
        ("run.cancel", run_id, 200),
        ("run.create", "gone", 404),
    ]
    assert page["items"][1]["request_id"] == "mine"
    rest = (await admin.get(f"/audit?cursor={page['next_cursor']}")).json()
    assert [(each["action"], each["status"]) for each in rest["items"]] == [("run.create", 200)]
    other = await service.caller("admin", tenant="other")
    assert (await other.get("/audit")).json()["items"] == []


async def test_a_caller_who_asks_too_often_is_told_when_to_go_on(service_of):
    """Others are not."""
    async with service_of(requests_per_s=0.001, burst=2) as service:
        one, other = await service.caller(), await service.caller()
        assert [(await one.get("/workflows")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await one.get("/workflows")
        assert refused.json()["code"] == "RATE_LIMITED"
        assert 900 < int(refused.headers["retry-after"]) <= 1_000
        assert (await other.get("/workflows")).status_code == 200


@pytest.fixture
def issuer(monkeypatch):
    """Signs tokens; its keys are what a JWKS address would give."""
    private = ec.generate_private_key(ec.SECP256R1())
    monkeypatch.setattr(
        jwt.PyJWKClient, "get_signing_key_from_jwt", lambda _self, _token: private.public_key()
    )

    def sign(signed_by=private, **claims):
        full = {
            "sub": "ada",
            "tenant": "acme",
            "role": "run",
            "iss": "https://issuer.test",
            "aud": "runner",
            "exp": datetime.now(UTC) + timedelta(minutes=5),
            **claims,
        }
        payload = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(payload, signed_by, algorithm="ES256" if signed_by is not None else "none")

    return sign


def jwt_auth():
    """Of the issuer above."""
    return JwtAuth("https://issuer.test/keys", issuer="https://issuer.test", audience="runner")


async def test_a_token_names_its_caller(issuer):
    """Its tenant and role are claims; without a role a caller may read."""
    assert await jwt_auth().authenticate(issuer()) == Caller("jwt:ada", "acme", Role.RUN)
    assert (await jwt_auth().authenticate(issuer(role=None))).role is Role.READ


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"exp": None},
        {"aud": "somebody"},
        {"iss": "https://else.test"},
        {"tenant": None},
        {"tenant": ""},
        {"sub": None},
        {"role": "boss"},
        {"signed_by": ec.generate_private_key(ec.SECP256R1())},
        {"signed_by": None},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_that_does_not_hold_is_nobodys(issuer, claims):
    """Whatever is wrong with it."""
    assert await jwt_auth().authenticate(issuer(**claims)) is None


async def test_tokens_and_keys_work_side_by_side(service_of, issuer):
    """Asked in their order."""
    async with service_of() as first:
        keys = first.keys
        async with service_of(auth=[ApiKeyAuth(keys), jwt_auth()]) as service:
            by_key = await service.caller()
            by_token = service.client({"Authorization": f"Bearer {issuer()}"})
            assert (await by_key.get("/runs")).status_code == 200
            assert (await by_token.get("/runs")).status_code == 200
