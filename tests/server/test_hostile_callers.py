"""Hostile callers: tokens that are no tokens, an issuer that does not answer, wrong keys, revoked keys."""

import asyncio
import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from langgraph_runner.server import ApiKeyAuth, Caller, JwtAuth, Role
from langgraph_runner.server.auth.guard import Guard
from langgraph_runner.server.http import events as events_module
from langgraph_runner.server.http.events import event_stream
from langgraph_runner.server.problems import ApiError

pytestmark = pytest.mark.req("R-57")
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def jwt_auth():
    """Of an issuer whose keys are never fetched in these tests."""
    return JwtAuth("https://issuer.test/keys", issuer="https://issuer.test", audience="runner")


def token_of(header, payload):
    """A token with any content; its signature is wrong."""
    parts = (data if isinstance(data, bytes) else json.dumps(data).encode() for data in (header, payload))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "AA"])


async def authenticated(monkeypatch, claims):
    """The caller whom the issuer describes by these claims, beside those that a token needs."""
    monkeypatch.setattr(jwt.PyJWKClient, "get_signing_key_from_jwt", lambda *_: PRIVATE.public_key())
    full = {"sub": "ada", "tenant": "acme", "role": "run", "iss": "https://issuer.test", "aud": "runner"}
    token = token_of({"alg": "ES256", "kid": "1"}, full | {"exp": 4_000_000_000} | claims)
    signed = token.rpartition(".")[0]
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(algorithm.sign(signed.encode(), PRIVATE)).rstrip(b"=").decode()
    return await jwt_auth().authenticate(f"{signed}.{signature}")


@pytest.mark.parametrize(
    "failure",
    [jwt.PyJWKClientConnectionError("refused"), ConnectionResetError("reset"), ValueError("no JSON")],
    ids=lambda failure: type(failure).__name__,
)
async def test_an_issuer_that_does_not_answer_is_asked_once_in_a_while(service_of, monkeypatch, failure):
    """Each token gets a 503 with its own code meanwhile; API keys keep working."""
    asked = []

    def fail(_self):
        asked.append(1)
        raise failure

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", fail)
    token = jwt.encode({"sub": "x"}, PRIVATE, algorithm="ES256", headers={"kid": "1"})
    async with service_of() as first, service_of(auth=[ApiKeyAuth(first.keys), jwt_auth()]) as service:
        by_token = service.client({"Authorization": f"Bearer {token}"})
        for _ in range(3):
            refused = await by_token.get("/runs")
            assert (refused.status_code, refused.json()["code"]) == (503, "ISSUER_UNAVAILABLE")
            assert refused.headers["retry-after"] == "10"
        assert asked == [1]
        by_key = await service.caller()
        assert (await by_key.get("/runs")).status_code == 200


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"alg": "ES256", "kid": []}, {}),
        ({"alg": "ES256", "kid": {"a": 1}}, {}),
        ({"alg": [], "kid": "1"}, {}),
        ({"alg": "none"}, {}),
        ([], {}),
        (b"[" * 5_000, {}),
        ({"alg": "ES256", "kid": "1"}, b"[" * 5_000),
        ({"alg": "ES256", "kid": "1"}, b"\xff\xfe"),
        ({"alg": "ES256", "kid": "1", "b64": False, "crit": ["b64"]}, {}),
        ({"alg": "ES256", "kid": "1"}, b"1e400"),
    ],
)
async def test_a_token_of_any_content_is_refused(monkeypatch, header, payload):
    """Never by an exception."""
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _self: {"keys": []})
    assert await jwt_auth().authenticate(token_of(header, payload)) is None


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_a_time_without_end_is_refused(monkeypatch, claim):
    """It fits into no number of seconds."""
    assert await authenticated(monkeypatch, {claim: float("inf")}) is None


@pytest.mark.parametrize("claim", ["sub", "tenant", "role", "exp", "aud", "iss"])
@pytest.mark.parametrize(
    "value", [None, [], {}, -1.5, float("inf"), float("nan"), True, "\0", "x" * 10_000, "\ud800"]
)
async def test_a_signed_claim_of_any_type_is_refused(monkeypatch, claim, value):
    """An issuer may be careless."""
    assert await authenticated(monkeypatch, {claim: value}) is None


async def test_a_flood_of_wrong_keys_does_not_delay_a_key_in_use(service, monkeypatch):
    """Wrong keys are looked up two at a time, and what has not the form of a key never."""
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


async def test_two_tenants_with_one_subject_have_rates_of_their_own():
    """The requests of one tenant do not slow the other down, and tell it nothing."""

    class BySubject:
        async def authenticate(self, credential):
            return Caller("jwt:ada", credential, Role.RUN)

    guard = Guard([BySubject()], requests_per_s=0.001, burst=1)
    for tenant in ("acme", "other"):
        await guard.admit(f"Bearer {tenant}", Role.READ)
        with pytest.raises(ApiError, match="Too many requests"):
            await guard.admit(f"Bearer {tenant}", Role.READ)


async def test_a_stream_ends_when_its_key_is_revoked(service, monkeypatch):
    """At the next check; the run goes on."""
    monkeypatch.setattr(events_module, "_HEARTBEAT_S", 0.01)
    monkeypatch.setattr(events_module, "_CHECK_S", 0.0)
    monkeypatch.setattr("langgraph_runner.server.auth.callers._REMEMBERED_S", 0.0)
    key = await service.keys.create(tenant="acme", name="me")
    client = service.client({"Authorization": f"Bearer {key.key}"})
    made = (await client.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    guard = service.app.state.service.guard
    caller = await guard.admit(f"Bearer {key.key}", Role.READ)
    stream = await event_stream(
        service.engine,
        made["id"],
        "acme",
        0,
        is_allowed=lambda: guard.still_admits(f"Bearer {key.key}", caller),
    )
    lines = []
    async for data in stream.body_iterator:
        lines.append(data)
        if data.startswith(b": "):
            await service.keys.revoke(key.id) if lines.count(data) == 1 else None
    assert b": still here\n\n" in lines
    assert not any(b"run_completed" in line for line in lines)
    service.flow.gate.set()
    assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
