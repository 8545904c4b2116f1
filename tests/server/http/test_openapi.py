"""The OpenAPI document: stored as a file, and true for requests of all kinds."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.server.processes import Served

pytestmark = pytest.mark.req("R-52")


ROOT = Path(__file__).parents[3]
SCHEMATHESIS = Path(sys.prefix) / "schemathesis" / "bin" / "schemathesis"


def test_the_stored_documents_are_up_to_date():
    """`make openapi` would write the same files."""
    done = subprocess.run(  # noqa: S603 - our own tool
        [sys.executable, str(ROOT / "tools" / "openapi.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("tenant", "phases"), [("acme", "examples,coverage"), ("other", "fuzzing")])
def test_each_response_matches_the_document(tmp_path, tenant, phases):
    """All checks of schemathesis pass, for valid and invalid requests."""
    with Served(tmp_path, "--requests-per-s", "1000000") as server:
        headers = {"Authorization": f"Bearer {server.key('--role', 'admin', '--tenant', tenant)}"}
        body = {"workflow": "shop.v1", "inputs": {"net": 1}}
        requests.post(f"{server.url}/runs", json=body, headers=headers, timeout=60).raise_for_status()
        done = subprocess.run(  # noqa: S603 - installed beside the tests
            [
                *(SCHEMATHESIS, "--config-file", Path(__file__).parent / "schemathesis.toml", "--no-color"),
                *("run", f"{server.url}/openapi.json", "--checks", "all", "--phases", phases),
                *("--header", f"Authorization: {headers['Authorization']}"),
                *("--max-examples", "5", "--seed", "1", "--warnings", "off", "--workers", "1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-8_000:]
    assert "No issues found" in done.stdout


async def test_the_limits_of_the_reference_hold(service, acme):
    """The service takes each limit of a number in `docs/api.md`, and refuses the next number."""
    admin, run_id = await service.caller("admin"), await service.ended(acme)
    page = (ROOT / "docs" / "api.md").read_text()
    routes = re.findall(r"^### `GET (\S+)`\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL)
    checked = set()
    for path, text in routes:
        address = path.format(run_id=run_id, name="shop.v1", step="page")
        for name, where, *limits in re.findall(
            r"^\| `(\S+)` \| (\w+) \| integer, (\S+) to (\S+)", text, re.MULTILINE
        ):
            low, high = (int(each.replace(",", "")) for each in limits)
            for value in (low, high, low - 1, high + 1):
                sent = {"params": {name: value}} if where == "query" else {"headers": {name: str(value)}}
                answer = await admin.get(address, **sent)
                assert (answer.status_code == 422) is not (low <= value <= high), (path, name, value)
            checked.add(name)
    assert checked == {"limit", "wait_ms", "Last-Event-ID", "runs", "cursor"}


async def test_each_get_answers_head_with_the_same_headers(service, acme):
    """Without a body, and without waiting for events."""
    run_id = await service.ended(acme)
    values = {"run_id": run_id, "step": "page", "name": "shown/page 1.html"}
    admin = await service.caller("admin")
    document = (await admin.get("/openapi.json")).json()
    paths = [path for path, item in document["paths"].items() if "get" in item]
    for path in [*paths, "/", "/preview.html", "/openapi.json"]:
        given = {**values, "name": "shop.v1"} if path.startswith("/workflows") else values
        answer, head = [await admin.request(method, path.format(**given)) for method in ("GET", "HEAD")]
        assert (head.status_code, head.content) == (answer.status_code, b""), path
        assert {*head.headers} == {*answer.headers}, path
    refused = await admin.head(f"/runs/{run_id}/cancel")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await admin.delete("/runs")).headers["allow"] == "GET, HEAD, POST"
    pending = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()["id"]
    assert (await admin.head(f"/runs/{pending}/events")).status_code == 200


async def test_the_document_describes_authentication_and_problems(service):
    """It has no models of FastAPI's own errors."""
    document = (await service.client().get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert {"Problem", "Fault"} <= document["components"]["schemas"].keys()
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert (await service.client().get("/openapi.json")).json() == document
