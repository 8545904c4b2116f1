"""The OpenAPI document: stored as a file, and true for requests of all kinds."""

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


async def test_the_document_describes_authentication_and_problems(service):
    """It has no models of FastAPI's own errors."""
    document = (await service.client().get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert {"Problem", "Fault"} <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert (await service.client().get("/openapi.json")).json() == document
