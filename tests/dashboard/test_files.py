"""The files of the dashboard: vendored files are unmodified, and the page stays small."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest
import requests

from langgraph_runner.server.routes.dashboard import DASHBOARD

pytestmark = pytest.mark.req("R-59")
VENDORED = [DASHBOARD / "vendor", Path(__file__).parent / "vendor"]
MAX_COMPRESSED = 600_000


@pytest.mark.parametrize("folder", VENDORED, ids=["dashboard", "tests"])
def test_vendored_files_are_unmodified(folder):
    """Each file has the hash that THIRD_PARTY.md gives, and no file is missing there."""
    text = (folder / "THIRD_PARTY.md").read_text()
    listed = dict(re.findall(r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "THIRD_PARTY.md"
    }
    assert found == listed


def test_the_page_is_small():
    """Everything that a browser loads has at most 600 kB compressed."""
    loaded = [each for each in DASHBOARD.rglob("*") if each.suffix in {".html", ".js", ".css", ".svg"}]
    assert sum(len(gzip.compress(each.read_bytes(), 9)) for each in loaded) <= MAX_COMPRESSED


def test_the_page_may_load_only_its_own_files(live):
    """The policy names no other host, and allows no inline script or style but the import map."""
    answer = requests.get(live.url, timeout=30)
    policy = dict(
        each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[\w+/]{43}='", policy["script-src"])
    assert policy["style-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith("assets/")


def test_browsers_cache_files(live):
    """The address of a file changes with its content, so browsers cache it for ever, but not the page itself."""
    page = requests.get(live.url, timeout=30)
    assert page.headers["cache-control"] == "no-cache"
    script = re.search(r'src="(assets/[^"]+)"', page.text)[1]
    address = f"{live.url}/{script}"
    file = requests.get(address, timeout=30)
    assert (file.headers["content-encoding"], file.headers["content-type"]) == (
        "gzip",
        "text/javascript; charset=utf-8",
    )
    assert "immutable" in file.headers["cache-control"]
    again = requests.get(address, timeout=30, headers={"If-None-Match": file.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    old = address.replace(address.split("/")[-2], "0123456789abcdef")
    assert requests.get(old, timeout=30).headers["cache-control"] == "no-cache"
    missing = requests.get(address + "x", timeout=30)
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    plain = requests.get(address, timeout=30, headers={"Accept-Encoding": "identity"})
    assert plain.content == file.content
