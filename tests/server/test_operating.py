"""What operators see, and what happens when something goes wrong inside."""

import asyncio
import os
import signal

import httpx
import jwt
import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import StoreUnavailableError
from langgraph_runner.server import DevAuth, JwtAuth
from langgraph_runner.server import auth as module
from langgraph_runner.server.serving import serve_app

pytestmark = pytest.mark.req("R-52")


async def test_metrics_count_runs_requests_and_steps(service, acme):
    """In the format of Prometheus, for an admin."""
    await service.ended(acme)
    await acme.get("/nobody/serves/this")
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


async def test_the_document_tells_how_to_come_in(service):
    """And describes problems, not FastAPI's own errors."""
    document = (await service.client().get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert {"Problem", "Fault"} <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert (await service.client().get("/openapi.json")).json() == document


async def test_a_path_or_a_method_that_is_none_is_told(acme):
    """With the methods that there are."""
    missing = await acme.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    wrong = await acme.delete("/runs")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b'"x"', b""])
async def test_a_body_that_is_no_request_is_refused(acme, content):
    """With its place."""
    refused = await acme.post("/runs", content=content, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (422, "REQUEST_INVALID")


async def test_a_long_body_is_refused(service_of):
    """It is not read to its end."""
    sent = []

    async def endless():
        while True:
            sent.append(1)
            yield b"[" * 1_000

    async with service_of(max_body_bytes=10_000) as service:
        acme = await service.caller()
        refused = await acme.post("/runs", content=endless(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert len(sent) <= 12


async def test_a_body_that_does_not_come_is_not_waited_for(service_of):
    """408 after the time for it."""

    async def stuck():
        yield b"{"
        await asyncio.sleep(60)

    async with service_of(body_timeout_s=0.05) as service:
        acme = await service.caller()
        refused = await acme.post("/runs", content=stuck(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("token=hunter2hunter2"), 500, "INTERNAL"),
        (OperationalError("SELECT 1", None, Exception("gone")), 503, "STORE_UNAVAILABLE"),
        (StoreUnavailableError(store="x", run_id="r", detail="gone"), 503, "STORE_UNAVAILABLE"),
        (StoreUnavailableError(store="hunter2hunter2", detail="no answer"), 503, "STORE_UNAVAILABLE"),
    ],
    ids=["unforeseen", "database", "store", "unanswered"],
)
async def test_an_error_inside_says_nothing_of_itself(
    service, acme, monkeypatch, caplog, error, status, code
):
    """The log has it under the id of the request, without secrets."""

    async def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(service.engine, "get_run", fail)
    answer = await acme.get("/runs/r", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"
    assert "hunter2hunter2" not in answer.text
    if code == "INTERNAL":
        assert "request_id='mine'" in caplog.text
        assert "hunter2hunter2" not in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", None, Exception("gone")),
        StoreUnavailableError(store="x", detail="no answer"),
    ],
    ids=["away", "unanswered"],
)
async def test_a_database_that_is_away_makes_it_unready(service, monkeypatch, error):
    """It lives all the same."""

    async def fail(*_arguments):
        raise error

    monkeypatch.setattr(service.engine.store, "read", fail)
    nobody = service.client()
    unready = await nobody.get("/readyz")
    assert (unready.status_code, unready.json()["code"]) == (503, "NOT_READY")
    assert (await nobody.get("/healthz")).status_code == 200


async def test_a_change_is_answered_also_without_its_audit_entry(service, acme, monkeypatch, caplog):
    """It was made, and whoever asked for it has to hear of it; the log says what is missing."""
    write = service.engine.store.write

    async def refuse(what):
        if type(what).__name__ == "AddAudit":
            raise RuntimeError("no room")
        return await write(what)

    monkeypatch.setattr(service.engine.store, "write", refuse)
    made = await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1}})
    assert made.status_code == 201
    assert "audit.failed" in caplog.text


async def test_an_artifact_whose_file_is_gone_is_told(service, acme):
    """410: it was there."""
    run_id = await service.ended(acme)
    (files,) = (await service.engine.get_run_artifacts(run_id, tenant="acme")).values()
    service.engine.artifact_path(files[0]).unlink()
    gone = await acme.get(f"/runs/{run_id}/artifacts/page/shown/page 1.html")
    assert (gone.status_code, gone.json()["code"]) == (410, "ARTIFACT_FAILED")


async def test_what_was_remembered_is_bounded(service, monkeypatch):
    """By callers who come and go."""
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 2)
    for _ in range(4):
        caller = await service.caller()
        assert (await caller.get("/runs")).status_code == 200
        assert (await caller.get("/runs")).status_code == 200
    guard = service.app.state.service.guard
    assert len(guard._on_time) <= 3
    (keys,) = guard._authenticators
    assert len(keys._known) <= 2


async def test_a_token_is_verified_by_the_key_that_its_issuer_publishes(monkeypatch):
    """What is no token is not looked up; without PyJWT it is said what to install."""
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


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_engine_is_served_until_a_signal(service_of, host):
    """On the loop of the caller; the signal's handler is put back."""
    before = signal.getsignal(signal.SIGTERM)
    addresses = []
    async with service_of() as service:
        engine = service.engine

        def listening(address):
            addresses.append(address)

        serving = asyncio.ensure_future(
            serve_app(engine, host=host, port=0, dev_tenant="acme", requests_per_s=1, tell=listening)
        )
        while not addresses:
            assert not serving.done(), serving.result()
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{addresses[0]}/runs")).json()["items"] == []
            rebound = await client.get(f"{addresses[0]}/runs", headers={"Host": "evil.test"})
            assert rebound.status_code == 400
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert signal.getsignal(signal.SIGTERM) is before


async def test_in_development_anybody_is_an_admin():
    """Whatever they send."""
    caller = await DevAuth("acme").authenticate("x")
    assert (caller.actor, caller.tenant, caller.role) == ("dev", "acme", "admin")


async def test_workers_are_told_to_every_role(service, acme):
    """With the ids of the tenant's own runs only."""
    run_id = await service.ended(acme)
    await service.engine._worker.presence.report()
    reader = await service.caller("read")
    told = (await reader.get("/workers")).json()
    (worker,) = told["workers"]
    assert (worker["state"], worker["workflows"], worker["active_runs"]) == ("working", ["shop.v1"], 0)
    assert (told["waiting_runs"], told["oldest_waiting_ms"], run_id in worker["run_ids"]) == (0, None, False)
    assert (await service.client().get("/workers")).status_code == 401
