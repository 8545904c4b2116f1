"""Problem documents for unknown paths, invalid bodies and faults of the server."""

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import StoreUnavailableError

pytestmark = pytest.mark.req("R-52")


async def test_an_unknown_path_or_method_is_refused(acme):
    """The header `Allow` lists the methods of the path."""
    missing = await acme.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    wrong = await acme.delete("/runs")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b'"x"', b""])
async def test_a_body_that_is_not_a_request_is_refused(acme, content):
    """The status is 422."""
    refused = await acme.post("/runs", content=content, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (422, "REQUEST_INVALID")


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
async def test_a_fault_of_the_server_shows_no_details(
    service, acme, monkeypatch, caplog, error, status, code
):
    """The log has them under the request id, without secrets."""

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
    "body",
    [
        {"workflow": "sk-" * 100_000 + "A1", "inputs": {}},
        {"workflow": "shop.v1", "inputs": {"net": "sk-" * 100_000}},
        {"workflow": "shop.v1", "inputs": {}, "sk-" * 100_000: 1},
        {"workflow": "shop.v1", "inputs": {}, **{f"{n}{'x' * 5_000}": 1 for n in range(60)}},
    ],
    ids=["workflow", "value", "key", "keys"],
)
async def test_a_long_text_of_a_caller_is_bounded_in_the_answer(acme, body):
    """The event loop sanitizes the start of a message only, however long the body is."""
    refused = await acme.post("/runs", json=body)
    assert refused.status_code in {404, 422}
    problem = refused.json()
    assert len(problem["detail"]) <= 2_000
    assert all(len(fault["detail"]) + len(fault["pointer"]) <= 1_000 for fault in problem.get("errors", ()))
    assert all(len(value) <= 500 for value in problem.get("attributes", {}).values())
