"""A fake service: responses in memory."""

import httpx

URL = "http://127.0.0.1:9"

KEY = "lgr_0123_secret"

RUN = {
    "id": "r1",
    "tenant": "acme",
    "workflow": "shop.v1",
    "workflow_version": "1",
    "status": "completed",
    "trigger": "manual",
    "created_at": "2026-01-01T00:00:00Z",
}


def problem(status, code, headers=None, **more):
    """Return a problem document as a response."""
    body = {"code": code, "detail": f"It is {code}.", "status": status, **more}
    return httpx.Response(
        status, json=body, headers={"content-type": "application/problem+json", **(headers or {})}
    )


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in chunks, which may break off."""

    def __init__(self, chunks, *, breaks=False):
        self._chunks, self._breaks = chunks, breaks

    def __iter__(self):
        """Blocking."""
        yield from self._chunks
        if self._breaks:
            raise httpx.ReadError("broken")

    async def __aiter__(self):
        """Awaited."""
        for chunk in self:
            yield chunk


def copied(response):
    """Copy a response, because a client consumes it. A response with a stream is used once."""
    if not hasattr(response, "_content"):
        return response
    return httpx.Response(response.status_code, headers=response.headers, content=response.content)
