"""Routes of runs: each returns what the engine returns, to callers who may see it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.req("R-52")


async def test_a_run_is_started_and_found(service, acme):
    """The response is 201 with its address."""
    made = await acme.post(
        "/runs",
        json={"workflow": "shop.v1", "inputs": {"net": 10}, "tags": {"who": "ada"}, "metadata": {"n": 1}},
    )
    assert (made.status_code, made.headers["location"]) == (201, f"/runs/{made.json()['id']}")
    run = await service.engine.wait(made.json()["id"], tenant="acme")
    found = await acme.get(made.headers["location"])
    assert found.json() == json.loads(run.model_dump_json())
    assert (run.status, run.tags, run.metadata) == ("completed", {"who": "ada"}, {"n": 1})


async def test_an_unchanged_run_is_not_sent_again(service, acme):
    """304 for its `ETag`."""
    run_id = await service.ended(acme)
    found = await acme.get(f"/runs/{run_id}")
    again = await acme.get(f"/runs/{run_id}", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await acme.get(f"/runs/{run_id}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_steps_outputs_and_files_are_readable(service, acme):
    """Steps can be filtered by status."""
    run_id = await service.ended(acme)
    steps = (await acme.get(f"/runs/{run_id}/steps")).json()["items"]
    assert [(each["step"], each["status"]) for each in steps] == [
        ("price", "completed"),
        ("page", "completed"),
    ]
    failed = (await acme.get(f"/runs/{run_id}/steps?status=failed")).json()
    assert failed == {"items": [], "next_cursor": None}
    assert (await acme.get(f"/runs/{run_id}/steps/price/output")).json() == 12.5
    (file,) = (await acme.get(f"/runs/{run_id}/artifacts")).json()
    assert (file["step"], file["name"], file["size"]) == ("page", "shown/page 1.html", 25)
    content = await acme.get(file["href"])
    assert content.content == b"<script>alert(1)</script>"
    assert content.headers["content-security-policy"].startswith("sandbox;")
    assert content.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["steps/nothing/output", "artifacts/page/nothing.html", "artifacts/nothing/shown/page 1.html"]
)
async def test_an_unknown_step_or_file_is_not_found(service, acme, path):
    """The code is `NOT_FOUND`."""
    run_id = await service.ended(acme)
    found = await acme.get(f"/runs/{run_id}/{path}")
    assert (found.status_code, found.json()["code"]) == (404, "NOT_FOUND")


async def test_a_change_is_planned_and_applied(service, acme):
    """The plan says what the update does."""
    run_id = await service.ended(acme)
    change = {"change": {"type": "set", "payload": {"customer": "ada"}}}
    plan = (await acme.post(f"/runs/{run_id}/plan", json=change)).json()
    assert plan["changed_fields"] == ["customer"]
    made = await acme.post(f"/runs/{run_id}/update", json=change)
    assert (made.status_code, made.json()["base_run_id"]) == (201, run_id)
    run = await service.engine.wait(made.json()["id"], tenant="acme")
    assert run.inputs["customer"] == "ada"
    listed = (await acme.get(f"/runs?base_run_id={run_id}")).json()["items"]
    assert [each["id"] for each in listed] == [run.id]


async def test_a_run_is_cancelled(service, acme):
    """It keeps the reason."""
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    asked = await acme.post(f"/runs/{made['id']}/cancel", json={"reason": "too dear"})
    assert asked.status_code == 200
    run = await service.engine.wait(made["id"], tenant="acme")
    assert (run.status, run.cancel_reason) == ("cancelled", "too dear")


async def test_a_cancelled_run_is_retried(service, acme):
    """The new run may have other options; a completed run cannot be retried."""
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    await acme.post(f"/runs/{made['id']}/cancel")
    await service.engine.wait(made["id"], tenant="acme")
    service.flow.gate.set()
    again = await acme.post(f"/runs/{made['id']}/retry", json={"tags": {"try": "2"}})
    assert (again.status_code, again.json()["tags"]) == (201, {"try": "2"})
    run = await service.engine.wait(again.json()["id"], tenant="acme")
    assert run.status == "completed"
    refused = await acme.post(f"/runs/{run.id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "RUN_STATE")


async def test_pages_neither_skip_nor_repeat_runs(service, acme):
    """This also holds if new runs start meanwhile."""
    ids = [await service.ended(acme, net=number) for number in range(5)]
    found, cursor = [], None
    while True:
        page = (await acme.get("/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        found += [each["id"] for each in page["items"]]
        if not found[2:]:
            await service.ended(acme, net=99)
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == ids[::-1]


async def test_each_filter_finds_its_runs(service, acme):
    """Each filter alone."""
    good = await service.ended(acme, tags={"customer": "ada"})
    bad = await service.ended(acme, net=-1)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for given, expected in (
        ({"tag": "customer:ada"}, [good]),
        ({"status": "failed"}, [bad]),
        ({"status": ["failed", "completed"]}, [bad, good]),
        ({"failed_step": "price"}, [bad]),
        ({"error_contains": "NEGATIVE"}, [bad]),
        ({"workflow": "other"}, []),
        ({"id_prefix": good}, [good]),
        ({"created_after": later}, []),
        ({"created_before": later}, [bad, good]),
    ):
        listed = (await acme.get("/runs", params=given)).json()["items"]
        assert [each["id"] for each in listed] == expected, given


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "query:limit"),
        ("status=lost", "query:status.0"),
        ("lmit=3", "query:lmit"),
        ("created_after=2026-01-01", "query:created_after"),
    ],
)
async def test_an_invalid_filter_is_refused(acme, query, pointer):
    """Ignoring a misspelled filter would show all runs."""
    refused = await acme.get(f"/runs?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_parameter_with_two_values_is_refused(service, acme):
    """Dropping one of them would answer another question. The same tag twice is one tag."""
    run_id = await service.ended(acme, tags={"customer": "ada", "plan": "pro"})
    for query, pointer in (
        ("tag=customer:ada&tag=customer:eve", "query:tag"),
        ("limit=1&limit=2", "query:limit"),
    ):
        refused = await acme.get(f"/runs?{query}")
        assert (refused.status_code, pointer in refused.json()["detail"]) == (422, True), query
    for query in ("tag=customer:ada&tag=plan:pro", "tag=customer:ada&tag=customer:ada"):
        assert [run["id"] for run in (await acme.get(f"/runs?{query}")).json()["items"]] == [run_id]
    assert (await acme.get("/runs?tag=customer:ada&tag=plan:free")).json()["items"] == []


@pytest.mark.parametrize(
    "given", ["tag=customer", "cursor=!!", "cursor=eA", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OS5h"]
)
async def test_an_invalid_tag_or_cursor_is_refused(acme, given):
    """The message says what to send."""
    refused = await acme.get(f"/runs?{given}")
    assert (refused.status_code, refused.json()["code"]) == (422, "REQUEST_INVALID")


async def test_each_fault_of_the_inputs_has_a_pointer(service, acme):
    """No run is started."""
    body = {"workflow": "shop.v1", "inputs": {"net": "ten", "customer": 3}}
    refused = await acme.post("/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "VALIDATION_FAILED")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/inputs/net", "/inputs/customer"]
    assert (await acme.get("/runs")).json()["items"] == []


@pytest.mark.req("R-57")
async def test_reusing_an_idempotency_key_returns_the_existing_run(acme):
    """A different request with the key is refused."""
    body, key = {"workflow": "shop.v1", "inputs": {"net": 1}}, {"Idempotency-Key": "order-1"}
    first = await acme.post("/runs", json=body, headers=key)
    assert (await acme.post("/runs", json=body, headers=key)).json()["id"] == first.json()["id"]
    other = await acme.post("/runs", json={**body, "inputs": {"net": 2}}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert "other inputs" in other.json()["detail"]


@pytest.mark.parametrize("key", ["é".encode(), "é".encode("latin-1"), b"a\x7f", b"a\tb", b"k" * 257, b" "])
async def test_a_key_that_a_header_does_not_hold_is_refused(acme, key):
    """The run would get another key than the caller's."""
    refused = await acme.post("/runs", json={"workflow": "shop.v1"}, headers={b"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["code"]) == (422, "REQUEST_INVALID")
    assert refused.json()["errors"][0]["pointer"] == "header:Idempotency-Key"
    assert key.isascii() or "must be printable ASCII" in refused.json()["detail"]


@pytest.mark.req("R-53")
async def test_a_run_of_another_tenant_looks_like_an_unknown_run(service, acme):
    """Each route gives the same response, except for the id."""
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
        assert f"no run '{run_id}' in tenant 'other'" in foreign.json()["detail"]
        said = foreign.json() | {"request_id": ""}
        of_missing = missing.json() | {"detail": said["detail"], "attributes": {"run_id": run_id}}
        assert said == of_missing | {"request_id": ""}, path
    assert (await other.get(f"/runs?id_prefix={run_id}")).json()["items"] == []
    assert (await other.get(f"/runs?base_run_id={run_id}")).json()["items"] == []
    assert (await acme.get(f"/runs/{run_id}")).json()["status"] == "completed"
