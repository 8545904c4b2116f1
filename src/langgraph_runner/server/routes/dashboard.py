"""The files of the dashboard: read and compressed once, and served with a strict content security policy."""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from langgraph_runner.server.http.responses import is_unchanged
from langgraph_runner.server.problems import ApiCode, ApiError

__all__ = ["DASHBOARD", "Asset", "assets", "router"]

DASHBOARD: Final = Path(__file__).parent.parent / "dashboard"
_COMPRESSIBLE: Final = frozenset({".html", ".js", ".css", ".svg", ".txt"})
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
_WORKER_FILES: Final = frozenset({"layout-worker.js", "vendor/dagre.js"})
_IMPORT_MAP: Final = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'sha256-{import_map}'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; worker-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'none'"
)
"""Browsers accept an import map only inline, so the policy allows this one inline script by its hash."""
_PREVIEW_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self';"
    " base-uri 'none'; form-action 'none'"
)
"""For the empty page in which the dashboard shows HTML artifacts: inline styles, but no scripts and no requests.

The page comes from the server: a frame without an address of its own would inherit the policy of the dashboard, which
forbids inline styles.
"""


class Asset(NamedTuple):
    """One file as it is sent."""

    data: bytes
    compressed: bytes | None
    """The data compressed by gzip; None for formats that are compressed already."""
    media_type: str
    etag: str


@cache
def assets() -> tuple[str, dict[str, Asset]]:
    """Return the digest of all files, which is part of their URLs, and the files by path."""
    contents = {
        path.relative_to(DASHBOARD).as_posix(): path.read_bytes()
        for path in sorted(DASHBOARD.rglob("*"))
        if path.is_file()
    }
    hasher = hashlib.sha256()
    for name, data in contents.items():
        hasher.update(f"{name}\0{len(data)}\0".encode() + data)
    digest = hasher.hexdigest()[:16]
    # Without preloading, a browser finds each module only after it has read the one that imports it.
    preload = "\n".join(
        f'<link rel="modulepreload" href="assets/{digest}/{name}">'
        for name in contents
        if name.endswith(".js") and name not in _WORKER_FILES
    )
    page = contents["index.html"].replace(b"{preload}", preload.encode())
    contents["index.html"] = page.replace(b"{digest}", digest.encode())
    return digest, {name: _asset(name, data) for name, data in contents.items()}


def _asset(name: str, data: bytes) -> Asset:
    suffix = Path(name).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"
    compressed = gzip.compress(data, 9, mtime=0) if suffix in _COMPRESSIBLE else None
    return Asset(data, compressed, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')


@cache
def _policy() -> str:
    """Return the content security policy of the page."""
    inline = _IMPORT_MAP.findall(assets()[1]["index.html"].data)
    return _POLICY.format(import_map=base64.b64encode(hashlib.sha256(inline[0]).digest()).decode())


router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """Serve the page. It holds no data: the scripts in it ask the API."""
    return _file_response(
        request, "index.html", {"Content-Security-Policy": _policy(), "Cache-Control": "no-cache"}
    )


@router.get("/preview.html")
async def preview(request: Request) -> Response:
    """Serve the empty page that the dashboard puts into a frame to show HTML artifacts."""
    headers = {"Content-Security-Policy": _PREVIEW_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return _file_response(request, "preview.html", {**headers, "Cache-Control": "no-cache"})


@router.get("/assets/{digest}/{name:path}")
async def asset(request: Request, digest: str, name: str) -> Response:
    """Serve a script or a style. Its URL changes with its content, so browsers may cache it for ever."""
    is_current = digest == assets()[0]
    caching = "public, max-age=31536000, immutable" if is_current else "no-cache"
    # The graph layout runs in a web worker, which gets its policy from its own file.
    policy = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
    return _file_response(request, name, {"Content-Security-Policy": policy, "Cache-Control": caching})


def _file_response(request: Request, name: str, headers: dict[str, str]) -> Response:
    found = assets()[1].get(name)
    if found is None:
        raise ApiError(ApiCode.NOT_FOUND, "Not Found")
    headers = {**headers, "ETag": found.etag, "Vary": "Accept-Encoding"}
    if is_unchanged(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=headers)
    accepted = {
        each.partition(";")[0].strip() for each in request.headers.get("accept-encoding", "").split(",")
    }
    if found.compressed is not None and "gzip" in accepted:
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.data, headers=headers, media_type=found.media_type)
