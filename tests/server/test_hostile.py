"""Hostile requests: ids of other tenants, bodies and names of any kind, races. Never a 500, never a leak."""

import asyncio
import gzip
import json

import pytest

from langgraph_runner.engine.reading.cursors import cursor_of, place_in_list

pytestmark = pytest.mark.req("R-52", "R-53")


JSON = {"Content-Type": "application/json"}


CHANGE = {"change": {"type": "set", "payload": {}}}


BODIES = {"/runs/{run_id}/update": CHANGE, "/runs/{run_id}/plan": CHANGE}


NAMES = [
    "../../etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "..;/admin",
    "%252e%252e%252f",
    "%00",
    "page%001.html",
    "%ff%fe",
    "%c0%ae%c0%ae/",
    "%ed%a0%80",
    "/etc/passwd",
    "//",
    ".",
    "..",
    "~root",
    "a" * 20_000,
    "%F0%9F%92%A9" * 1_000,
    "{run_id}",
    "x;y=1",
    "?",
    "#",
]


VALUES = [
    None, True, 0, -1, 1.5, "", "x", "\0", "é\u202e", "x" * 300_000, [], [[]], {}, {"": None}, 10**400, -(10**30),
    2**63, [None] * 10_000, {"a": {"b": [{}]}},
]  # fmt: skip


TEXTS = [
    b"", b" ", b"{", b"null", b"[]", b'"x"', b"0", b"NaN", b"-Infinity", b"1e400", b"-0", b"tru", b"{}{}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}", '{"workflow": "shop.v1"}'.encode("utf-16"), b'{"workflow": "\xed\xa0\x80"}', b"\0" * 1_000,
    b'{"workflow": "\\ud800", "inputs": {"net": 1}}', b'{"workflow": "shop.v1", "inputs": {"net": 1e400}}',
    b'{"workflow": "shop.v1", "inputs": {"net": NaN}}', b'{"workflow": "shop.v1", "inputs": {"net": -Infinity}}',
    b'{"workflow": "shop.v1", "inputs": {"net": 1, "customer": "\\ud800"}}', b"1" * 100_000, b"-" * 100_000,
    b'{"workflow": "shop.v1", "inputs": ' + b"[" * 100_000, b"[" * 100_000, b'{"a":' * 100_000,
    b'{"workflow": "shop.v1", "inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"change": {"type": "set", "payload": {"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}}",
    b'{"workflow": "shop.v1", "inputs": {"net": 1}, "metadata": {"x": ' + b"[" * 900 + b"]" * 900 + b"}}",
    b'{"workflow": "shop.v1", "inputs": {"net": ' + b"9" * 5_000 + b"}}", gzip.compress(b"[" * 1_000_000),
    b'{"workflow": "shop.v1", "metadata": {"\\ud800": "\\udfff\\u0000"}, "inputs": {"net": 1}}',
    b'{"workflow": "shop.v1", "tags": {"\\ud800": "\\u0000"}, "inputs": {"net": 1}}',
]  # fmt: skip


def comparable(answer, *own):
    """Return a response without its request id and without the texts of the caller, to compare two responses."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    text = answer.text.replace(answer.headers["x-request-id"], "")
    for each in own:
        text = text.replace(each, "ID")
    return answer.status_code, headers, text


def assert_no_fault(answer, caplog):
    """Check that a response is no fault of the server, and that refusals are problem documents."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    assert "request.failed" not in caplog.text


async def test_an_id_of_another_tenant_looks_like_an_unknown_id(service, acme):
    """Status, headers and body are equal, in each route and for each header that can name something."""
    run_id = await service.ended(acme)
    etag = (await acme.get(f"/runs/{run_id}")).headers["etag"]
    unknown = "0" * len(run_id)
    other = await service.caller("admin", tenant="other")
    paths = service.app.openapi()["paths"]
    asked = [(path, method) for path, methods in paths.items() if "{run_id}" in path for method in methods]
    assert len(asked) >= 10
    for path, method in asked:
        filled = path.replace("{step}", "page").replace("{name}", "shown/page 1.html")
        for headers in ({}, {"If-None-Match": etag, "Last-Event-ID": "2", "Range": "bytes=0-3"}):
            found = [
                comparable(
                    await other.request(
                        method, filled.replace("{run_id}", each), json=BODIES.get(path), headers=headers
                    ),
                    each,
                )
                for each in (run_id, unknown)
            ]
            assert found[0] == found[1], path
            assert found[0][0] == 404, path
    run = await service.engine.get_run(run_id, tenant="acme")
    created_ms, _ = place_in_list(run)
    for name, values in {
        "base_run_id": (run_id, unknown),
        "id_prefix": (run_id, unknown),
        "cursor": (cursor_of(created_ms, run_id), cursor_of(created_ms, unknown)),
    }.items():
        foreign, missing = [
            comparable(await other.get("/runs", params={name: each}), each) for each in values
        ]
        assert foreign == missing, name
        assert '"items":[]' in foreign[2]
    assert json.loads((await other.get("/audit")).text)["items"][0]["action"] != "run.create"


async def test_idempotency_keys_of_tenants_are_separate(service, acme):
    """The response shows neither that another tenant uses the key, nor its run."""
    body, key = {"workflow": "shop.v1", "inputs": {"net": 1}}, {"Idempotency-Key": "order-1"}
    first = await acme.post("/runs", json=body, headers=key)
    other = await service.caller(tenant="other")
    for inputs in ({"net": 2}, {"net": 2}):
        own = await other.post("/runs", json={**body, "inputs": inputs}, headers=key)
        assert (own.status_code, own.json()["inputs"]["net"]) == (201, 2.0)
        assert own.json()["id"] != first.json()["id"]


async def test_hostile_names_are_refused(service, acme, caplog):
    """Each part of a path is tested; no name leads to a file."""
    run_id = await service.ended(acme)
    for name in NAMES:
        for path in (
            f"/runs/{run_id}/artifacts/page/{name}",
            f"/runs/{run_id}/artifacts/{name}/shown/page 1.html",
            f"/runs/{run_id}/steps/{name}/output",
            f"/runs/{name}",
            f"/runs/{name}/events",
            f"/workflows/{name}",
            f"/workflows/{name}/metrics",
            f"/assets/{name}/{name}",
            f"/{name}",
        ):
            answer = await acme.get(path)
            assert_no_fault(answer, caplog)
            assert "root:" not in answer.text


async def test_hostile_bodies_are_refused(service, acme, caplog):
    """Each route that reads a body refuses them, for each content type."""
    run_id = await service.ended(acme)
    for path in ("/runs", *(f"/runs/{run_id}/{each}" for each in ("update", "plan", "cancel", "retry"))):
        for data in TEXTS:
            assert_no_fault(await acme.post(path, content=data, headers=JSON), caplog)
        for headers in (
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "application/json; charset=utf-16"},
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            {"Content-Type": "\xff".encode("latin-1")},
            {},
        ):
            assert_no_fault(
                await acme.post(path, content=gzip.compress(b"[" * 10_000), headers=headers), caplog
            )
    for data in TEXTS:
        assert_no_fault(await acme.post("/workflows/shop.v1/check", content=data, headers=JSON), caplog)


async def test_values_of_wrong_types_are_refused(service, acme, caplog):
    """Each field of each body is tested, and each parameter of a list."""
    run_id = await service.ended(acme)
    options = {
        "priority", "failure_mode", "max_concurrency", "run_timeout_ms", "force", "use_cache", "tags", "metadata",
    }  # fmt: skip
    start = {"workflow": "shop.v1", "inputs": {"net": 1}}
    for path, body in (
        ("/runs", start | dict.fromkeys(options)),
        (f"/runs/{run_id}/update", CHANGE | dict.fromkeys(options)),
        (f"/runs/{run_id}/plan", CHANGE | dict.fromkeys(["force", "use_cache"])),
        (f"/runs/{run_id}/cancel", {"reason": None}),
    ):
        needed = {name: value for name, value in body.items() if value is not None}
        for field in body:
            for value in VALUES:
                sent = json.dumps({**needed, field: value})
                assert_no_fault(await acme.post(path, content=sent, headers=JSON), caplog)
    for name in ("workflow", "status", "tag", "id_prefix", "failed_step", "error_contains", "limit", "cursor",
                 "created_after", "created_before", "base_run_id", "x" * 1_000):  # fmt: skip
        for value in (
            "",
            "\0",
            "x" * 10_000,
            "-1",
            "9" * 5_000,
            "1e400",
            "NaN",
            "é\u202e",
            "a:\0",
            "%",
            "'",
            '"',
        ):
            assert_no_fault(await acme.get("/runs", params={name: value}), caplog)


async def test_hostile_headers_have_no_effect(service, acme, caplog):
    """No response repeats them, and they do not change the caller."""
    run_id = await service.ended(acme)
    for name, value in (
        ("X-Request-ID", b"a\r\nSet-Cookie: x=1"),
        ("X-Request-ID", b"\xff" * 100),
        ("X-HTTP-Method-Override", b"DELETE"),
        ("X-Forwarded-Host", b"evil.test"),
        ("X-Forwarded-Prefix", b"//evil.test"),
        ("X-Original-URL", b"/metrics"),
        ("X-Tenant", b"other"),
        ("If-None-Match", b'"' * 60_000),
        ("If-None-Match", b"\xff"),
        ("Last-Event-ID", b"-1"),
        ("Last-Event-ID", b"9" * 5_000),
        ("Last-Event-ID", b"1e400"),
        ("Idempotency-Key", b"\xff" * 10),
        ("Idempotency-Key", b"x" * 60_000),
        ("Range", b"bytes=" + b"0-1," * 10_000),
        ("Range", b"bytes=99999999999999999999-"),
        ("Range", b"bytes=-0"),
        ("If-Range", b"\xff"),
        ("Accept", b"*/*;q=" + b"9" * 5_000),
        ("Cookie", b"a=b;" * 10_000),
        ("Authorization", b"Bearer x, Bearer y"),
    ):
        for path in (
            f"/runs/{run_id}",
            f"/runs/{run_id}/events",
            f"/runs/{run_id}/artifacts/page/shown/page 1.html",
        ):
            answer = await acme.get(path, headers=[(b"authorization", acme.headers["authorization"].encode()),
                                                   (name.encode(), value)])  # fmt: skip
            assert answer.status_code < 500, (name, path)
            assert "set-cookie" not in answer.headers
            assert "evil.test" not in str(answer.headers)
        made = {"workflow": "shop.v1", "inputs": {"net": 1}}
        assert (await acme.post("/runs", json=made, headers={name: value})).status_code < 500
    assert "request.failed" not in caplog.text


async def test_unknown_methods_are_refused(service, acme, caplog):
    """This also holds with a valid key; TRACE returns nothing of the request."""
    for method in ("OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "X" * 1_000):
        for path in ("/runs", "/healthz", "/", "/runs/x/cancel", "/assets/x/y"):
            answer = await acme.request(method, path, headers={"X-Secret": "hunter2hunter2"})
            assert answer.status_code in {404, 405}
            assert "hunter2hunter2" not in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert "request.failed" not in caplog.text


@pytest.mark.req("R-57")
async def test_equal_concurrent_requests_start_one_run(service, acme):
    """50 requests with one idempotency key."""
    body, key = {"workflow": "shop.v1", "inputs": {"net": 1}}, {"Idempotency-Key": "order-1"}
    made = await asyncio.gather(*(acme.post("/runs", json=body, headers=key) for _ in range(50)))
    assert {each.status_code for each in made} == {201}
    assert len({each.json()["id"] for each in made}) == 1
    assert len((await acme.get("/runs")).json()["items"]) == 1


async def test_concurrent_changes_of_one_run_leave_it_consistent(service, acme, caplog):
    """Cancels, retries and updates of a running run arrive at the same time."""
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    path = f"/runs/{made['id']}"
    asked = [
        acme.post(f"{path}/{action}", json=CHANGE if action == "update" else None)
        for action in ("cancel", "retry", "update") * 10
    ]
    for answer in await asyncio.gather(*asked):
        assert_no_fault(answer, caplog)
    service.flow.gate.set()
    for run in (await acme.get("/runs")).json()["items"]:
        ended = await service.engine.wait(run["id"], tenant="acme")
        assert ended.status in {"cancelled", "completed"}
