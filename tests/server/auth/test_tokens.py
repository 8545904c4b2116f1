"""JSON Web Tokens: valid, invalid and hostile ones, and an issuer that does not answer."""

import base64
import contextlib
import hmac
import http.server
import json
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from langgraph_runner.server import ApiKeyAuth, Caller, JwtAuth, Role
from langgraph_runner.server.problems import ApiError

pytestmark = pytest.mark.req("R-57")


PRIVATE = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer(monkeypatch):
    """A function that signs tokens; the authenticator gets the public key."""
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
    """Return the authenticator for tokens of the issuer."""
    return JwtAuth("https://issuer.test/keys", issuer="https://issuer.test", audience="runner")


async def test_a_token_names_its_caller(issuer):
    """Tenant and role are claims; without a role the caller may read."""
    assert await jwt_auth().authenticate(issuer()) == Caller("jwt:ada", "acme", Role.RUN)
    assert (await jwt_auth().authenticate(issuer(role=None))).role is Role.READ


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"exp": None},
        {"aud": "another"},
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
async def test_an_invalid_token_is_refused(issuer, claims):
    """Each claim and the signature are checked."""
    assert await jwt_auth().authenticate(issuer(**claims)) is None


async def test_a_service_accepts_keys_and_tokens(service_of, issuer):
    """The authenticators are asked in their order."""
    async with service_of() as first:
        keys = first.keys
        async with service_of(auth=[ApiKeyAuth(keys), jwt_auth()]) as service:
            by_key = await service.caller()
            by_token = service.client({"Authorization": f"Bearer {issuer()}"})
            assert (await by_key.get("/runs")).status_code == 200
            assert (await by_token.get("/runs")).status_code == 200


async def test_a_token_is_verified_with_a_published_key_of_its_issuer(monkeypatch):
    """Text that is not a token causes no request for keys; without PyJWT the error says what to install."""
    asked = []
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _self: asked.append(1) or {"keys": []})
    auth = JwtAuth("https://issuer.test/keys", issuer="i", audience="a")
    assert await auth.authenticate("no token") is None
    assert asked == []
    assert await auth.authenticate(jwt.encode({"sub": "x"}, "s" * 32, headers={"kid": "1"})) is None
    assert asked != []
    monkeypatch.setitem(__import__("sys").modules, "jwt", None)
    with pytest.raises(ModuleNotFoundError, match=r"langgraph-runner\[jwt\]"):
        JwtAuth("https://issuer.test/keys", issuer="i", audience="a")


def token_of(header, payload):
    """Return a token with any content and a wrong signature."""
    parts = (data if isinstance(data, bytes) else json.dumps(data).encode() for data in (header, payload))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "AA"])


async def authenticated(monkeypatch, claims):
    """Authenticate a token with the required claims and these claims."""
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
async def test_an_issuer_that_does_not_answer_gets_one_request_per_pause(service_of, monkeypatch, failure):
    """During the pause, tokens get 503 with a distinct code; API keys keep working."""
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
async def test_a_token_with_any_content_is_refused(monkeypatch, header, payload):
    """It never causes an exception."""
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _self: {"keys": []})
    assert await jwt_auth().authenticate(token_of(header, payload)) is None


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_an_infinite_time_in_a_token_is_refused(monkeypatch, claim):
    """It fits into no number of seconds."""
    assert await authenticated(monkeypatch, {claim: float("inf")}) is None


@pytest.mark.parametrize("claim", ["sub", "tenant", "role", "exp", "aud", "iss"])
@pytest.mark.parametrize(
    "value", [None, [], {}, -1.5, float("inf"), float("nan"), True, "\0", "x" * 10_000, "\ud800"]
)
async def test_a_signed_claim_of_a_wrong_type_is_refused(monkeypatch, claim, value):
    """The issuer may have signed anything."""
    assert await authenticated(monkeypatch, {claim: value}) is None


@pytest.fixture
def published():
    """The key set that an issuer publishes over HTTP, its address, and the status of each answer so far."""

    class Issuer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers.append(status[-1])
            self.send_response(status[-1])
            self.end_headers()
            self.wfile.write(json.dumps({"keys": keys}).encode())

        def log_message(self, *_):
            """Write nothing to stderr."""

    keys, status, answers = [], [200], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/keys"
    yield SimpleNamespace(keys=keys, status=status, answers=answers, url=url)
    server.shutdown()
    thread.join()
    server.server_close()


CLAIMS = {"sub": "ada", "tenant": "acme", "iss": "i", "aud": "a", "exp": 4_000_000_000}


def with_key(private, kid):
    """Return the public key as an issuer publishes it, and a token that the private key has signed."""
    public = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    token = jwt.encode(CLAIMS, private, algorithm="ES256", headers={"kid": kid})
    return {**public, "kid": kid, "use": "sig"}, token


async def test_invented_key_ids_do_not_each_ask_the_issuer(published):
    """Anybody can send such tokens."""
    key, token = with_key(PRIVATE, "1")
    published.keys.append(key)
    auth = JwtAuth(published.url, issuer="i", audience="a")
    assert await auth.authenticate(token) == Caller("jwt:ada", "acme", Role.READ)
    for number in range(20):
        _, invented = with_key(PRIVATE, f"invented-{number}")
        assert await auth.authenticate(invented) is None
    assert len(published.answers) <= 2


async def test_an_issuer_that_fails_once_leaves_the_known_keys(published):
    """A token with an unknown key id makes the service ask; the answer is a 500."""
    key, token = with_key(PRIVATE, "1")
    published.keys.append(key)
    auth = JwtAuth(published.url, issuer="i", audience="a")
    assert await auth.authenticate(token) is not None
    published.status.append(500)
    auth._keys._last_successful_fetch = float("-inf")  # As if the last answer were long ago.
    with contextlib.suppress(ApiError):
        await auth.authenticate(with_key(PRIVATE, "2")[1])
    assert await auth.authenticate(token) is not None


async def test_a_published_shared_secret_signs_no_token(published):
    """Everybody knows it: a token that names RS256 and is signed with it is refused."""
    secret = b"s" * 32
    published.keys.append({"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode(), "kid": "1"})
    signed = token_of({"alg": "RS256", "kid": "1"}, CLAIMS).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).rstrip(b"=").decode()
    auth = JwtAuth(published.url, issuer="i", audience="a")
    assert await auth.authenticate(f"{signed}.{signature}") is None
