"""`OwnPagesOnly`: refuses requests that a web page of another origin makes a browser send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import Request

from langgraph_runner.server.problems import ApiCode, ApiError, answer_refusal

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OwnPagesOnly"]

_FOREIGN: Final = ApiError(
    ApiCode.FORBIDDEN,
    "A web page of another origin sent this request (`Origin`, `Sec-Fetch-Site`). A service without API keys accepts"
    " requests of its own pages and of programs only.",
)


class OwnPagesOnly:
    """ASGI middleware for a service without keys, in which each request may change runs.

    A page of any site can make a browser on this machine send a POST without a body, which needs no preflight. The
    rules are those of `http.CrossOriginProtection` in Go, but reading is refused, too, unless a link leads here.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or an event of the server's lifespan."""
        app = self._app
        if scope["type"] == "http":
            request = Request(scope)
            is_link = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
            if _is_foreign(request.headers) and not is_link:
                app = answer_refusal(request, _FOREIGN)
        await app(scope, receive, send)


def _is_foreign(headers: Headers) -> bool:
    # No page can set this header, and it is right even behind a proxy that changes `Host`.
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")  # Older browsers send it with each POST.
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
