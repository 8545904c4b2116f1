"""`Settings`: the checked options of a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langgraph_runner.client.address import auth_headers, parse_base_url
from langgraph_runner.engine import checks
from langgraph_runner.runtime.runtimes import as_runtimes
from langgraph_runner.runtime.timeouts import as_timeout_ms

if TYPE_CHECKING:
    import ssl

    import httpx

    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["Settings"]


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

    @classmethod
    def of(
        cls,
        url: str,
        *,
        api_key: str | None,
        connect_timeout_ms: TimeoutLike,
        read_timeout_ms: TimeoutLike,
        max_attempts: int,
        reconnect_ms: TimeoutLike,
        allow_insecure: bool,
        verify: ssl.SSLContext | bool,
        http_transport: Any,
        runtime: Runtimes | None,
    ) -> Settings:
        """Check the options of a client.

        Raises:
            TypeError: An option has the wrong type.
            ValueError: An option is out of its range.
        """
        parsed = parse_base_url(url)
        is_local_http = parsed.scheme == "http" and checks.is_loopback(parsed.host)
        return cls(
            url=parsed,
            headers=auth_headers(parsed, api_key, allow_insecure=allow_insecure),
            connect_timeout_s=_seconds(connect_timeout_ms, "connect_timeout_ms"),
            read_timeout_s=_seconds(read_timeout_ms, "read_timeout_ms"),
            max_attempts=checks.whole(max_attempts, 1, 1_000, field="max_attempts"),
            reconnect_s=_seconds(reconnect_ms, "reconnect_ms"),
            trusts_environment=not is_local_http,
            # Loading the certificates takes 20 ms. Plain http without a proxy needs none.
            verify=verify and not is_local_http if isinstance(verify, bool) else verify,
            http_transport=http_transport,
            runtimes=as_runtimes(runtime, field="runtime"),
        )


def _seconds(value: TimeoutLike, field: str) -> float:
    limit_ms = as_timeout_ms(value, field=field)
    if limit_ms is None:
        raise TypeError(f"{field} must be ms or a timedelta, got None: a client always has a limit.")
    return limit_ms / 1000
