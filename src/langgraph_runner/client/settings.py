"""`Settings`: the options of a client, and the checks of its URL and its API key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from langgraph_runner.engine import checks
from langgraph_runner.runtime.timeouts import as_timeout_ms

if TYPE_CHECKING:
    import ssl

    from langgraph_runner.runtime.runtimes import Runtimes
    from langgraph_runner.runtime.timeouts import TimeoutLike

__all__ = ["Settings", "auth_headers", "in_seconds", "parse_base_url"]

_SCHEMES: Final = frozenset({"http", "https"})
_KEY: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a client. See `RunClient`."""

    url: httpx.URL
    headers: dict[str, str] = field(repr=False)
    """They contain the API key, so `repr` leaves them out."""
    connect_timeout_s: float
    read_timeout_s: float
    max_attempts: int
    reconnect_s: float
    trusts_environment: bool
    """Whether to use the proxies of the environment. Not for plain http on this machine: they would see the key."""
    verify: ssl.SSLContext | bool
    http_transport: Any
    runtimes: Runtimes | None


def parse_base_url(url: str) -> httpx.URL:
    """Parse the URL of a service, such as `https://runs.example.com` or `https://example.com/runner`.

    Raises:
        TypeError: The URL is not text.
        ValueError: The URL is invalid.
    """
    checks.of_kind(url, str, field="url", fix="such as 'http://127.0.0.1:8000'")
    # The first two messages do not show the URL: its user or its password may be a key.
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"url must be a URL such as http://127.0.0.1:8000: {error}.") from error
    if parsed.userinfo:
        raise ValueError("url must not contain a user or a password; give the API key as api_key=.")
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ValueError(f"url must be a URL with http:// or https:// and a host, got {url!r:.200}.")
    if parsed.query or parsed.fragment:
        raise ValueError(f"url must not have a query or a fragment, got {url!r:.200}.")
    return parsed.copy_with(path=parsed.path.rstrip("/") or "/")


def auth_headers(url: httpx.URL, api_key: str | None, *, allow_insecure: bool) -> dict[str, str]:
    """Return the headers that every request sends.

    Raises:
        TypeError: The key is not text.
        ValueError: The key has characters that no header can have, or would be sent unencrypted to another machine.
    """
    if api_key is None:
        return {}
    checks.of_kind(api_key, str, field="api_key", fix="the key that `langgraph-runner keys create` printed")
    key = api_key.strip()
    if not _KEY.fullmatch(key):
        raise ValueError(
            "api_key must be one word of printable ASCII characters; give the key that `keys create` printed."
        )
    if url.scheme == "http" and not checks.is_loopback(url.host) and not allow_insecure:
        raise ValueError(
            f"url must be https, got {url}: over plain http the API key is sent unencrypted. If you trust the"
            " network, use allow_insecure=True."
        )
    return {"Authorization": f"Bearer {key}"}


def in_seconds(value: TimeoutLike, field: str) -> float:
    """Return a time limit in seconds.

    Raises:
        TypeError: There is no limit.
        ValueError: It is not above 0.
    """
    limit_ms = as_timeout_ms(value, field=field)
    if limit_ms is None:
        raise TypeError(f"{field} must be ms or a timedelta, got None: a client always has a limit.")
    return limit_ms / 1000
