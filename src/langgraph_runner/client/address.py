"""The address of a service and the API key for it, checked before anything is sent."""

from __future__ import annotations

import re
from typing import Final

import httpx

from langgraph_runner.engine import checks

__all__ = ["base_url_of", "headers_of"]

_SCHEMES: Final = frozenset({"http", "https"})
_KEY: Final = re.compile(r"[\x21-\x7e]+")


def base_url_of(url: str) -> httpx.URL:
    """The address of a service, such as `https://runs.example.com` or `https://example.com/runner`.

    Raises:
        TypeError: It is not text.
        ValueError: It is not such an address.
    """
    checks.of_kind(url, str, field="url", fix="such as 'http://127.0.0.1:8000'")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"url: it is not a URL: {error}. Give one such as http://127.0.0.1:8000.") from error
    if parsed.userinfo:  # The message does not show it: it may be a key.
        raise ValueError("url: it must not hold a user or a password; give the API key as api_key=.")
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ValueError(f"url: {url!r:.200} must begin with http:// or https:// and name a host.")
    if parsed.query or parsed.fragment:
        raise ValueError(f"url: {url!r:.200} must not have a query or a fragment; give the address only.")
    return parsed.copy_with(path=parsed.path.rstrip("/") or "/")


def headers_of(url: httpx.URL, api_key: str | None, *, allow_insecure: bool) -> dict[str, str]:
    """The headers that every request carries.

    Raises:
        TypeError: The key is not text.
        ValueError: The key cannot be sent, or would be sent in the clear to another machine.
    """
    if api_key is None:
        return {}
    checks.of_kind(api_key, str, field="api_key", fix="the key that `langgraph-runner keys create` shows")
    key = api_key.strip()
    if not _KEY.fullmatch(key):
        raise ValueError(
            "api_key: it must be one word of ASCII letters, digits and signs; give what `keys create` shows."
        )
    if url.scheme == "http" and not checks.is_loopback(url.host) and not allow_insecure:
        raise ValueError(
            f"url: {url} is plain http, so everybody on the way could read the API key. Use https, or"
            " allow_insecure=True where the network is trusted."
        )
    return {"Authorization": f"Bearer {key}"}
