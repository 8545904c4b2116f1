"""`Guard` finds out who sends a request, and whether they may. It asks one authenticator after the other.

ApiKeyAuth   by API keys
DevAuth      one caller for every request, for development
JwtAuth      by JSON Web Tokens, in `tokens.py`
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.errors import NodeRunnerError
from langgraph_runner.server.auth.keys import ApiKeys, Role
from langgraph_runner.server.problems import ApiCode, ApiError
from langgraph_runner.workflow.tenant import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["ApiKeyAuth", "Authenticator", "Caller", "DevAuth", "Guard"]

_REMEMBERED_S: Final = 5.0
_MAX_REMEMBERED: Final = 10_000
_UNKNOWN_AT_ONCE: Final = 2
"""How many keys that are not remembered are looked up at the same time."""
_NO_CREDENTIAL: Final = (
    "Send an API key in the header `Authorization: Bearer ...`; `langgraph-runner keys create` makes one."
)
_INVALID_CREDENTIAL: Final = "The API key or token does not work: it is unknown, revoked or has expired."


def _unauthenticated(problem: str) -> ApiError:
    return ApiError(ApiCode.UNAUTHENTICATED, problem, headers={"WWW-Authenticate": "Bearer"})


class Caller(NamedTuple):
    """An authenticated caller."""

    actor: str
    """The name in the audit log: `key:<id>`, `jwt:<subject>`, or `dev`."""
    tenant: str
    """The only tenant whose runs the caller sees and changes."""
    role: Role


class Authenticator(Protocol):
    """One way to authenticate callers."""

    async def authenticate(self, credential: str) -> Caller | None:
        """Return the caller with this credential, or None if this authenticator does not know it.

        Args:
            credential: The text after `Bearer` in the header `Authorization`; empty without that header.
        """
        ...


class ApiKeyAuth:
    """Authenticates callers by API keys. It remembers a valid key for 5 seconds.

    A revoked key therefore works for up to 5 more seconds. Unknown keys are looked up two at a time, so that a flood
    of wrong keys takes little of the database and never delays a caller whose key is in use.

    Args:
        keys: The keys of the database.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._known: dict[str, tuple[float, Caller]] = {}
        self._unknown = asyncio.Semaphore(_UNKNOWN_AT_ONCE)

    async def authenticate(self, credential: str) -> Caller | None:
        """Return the caller who has this key, or None if the key does not work."""
        now = self._keys.runtime.monotonic()
        until, caller = self._known.get(credential, (0.0, None))
        if caller is not None and now < until:
            return caller
        if not credential.startswith("lgr_"):
            return None
        if caller is not None:
            found = await self._keys.find(credential)
        else:
            async with self._unknown:
                found = await self._keys.find(credential)
        if found is None:
            self._known.pop(credential, None)
            return None
        caller = Caller(f"key:{found.id}", found.tenant, found.role)
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[credential] = now + _REMEMBERED_S, caller
        return caller


class DevAuth:
    """Authenticates every request as an administrator. For development on one machine.

    An application with it refuses requests that web pages of other origins send.

    Args:
        tenant: The tenant of every request.
    """

    def __init__(self, tenant: str = DEFAULT_TENANT) -> None:
        self._caller = Caller("dev", tenant, Role.ADMIN)

    async def authenticate(self, credential: str) -> Caller | None:
        """Return the same caller for every request."""
        del credential
        return self._caller


class Guard:
    """Admits a request or refuses it.

    The rate of each caller is limited by the generic cell rate algorithm (ITU-T I.371), which keeps one number for
    each caller: the time at which the next request would be on schedule.

    Args:
        authenticators: Asked in this order; the first one that knows the credential decides.
        requests_per_s: How many requests per second a caller may send on average.
        burst: How many requests a caller may send at once.
        runtime: The clock.
    """

    def __init__(
        self, authenticators: Iterable[Authenticator], *, requests_per_s: float, burst: int, runtime: Runtime
    ) -> None:
        self._authenticators = [*authenticators]
        self._runtime = runtime
        self._interval_s = 1 / requests_per_s
        self._tolerance_s = self._interval_s * (burst - 1)
        self._scheduled: dict[tuple[str, str], float] = {}

    async def admit(self, authorization: str, role: Role) -> Caller:
        """Return the caller of a request.

        Args:
            authorization: The header of this name; empty without one.
            role: The role that the request needs.

        Raises:
            ApiError: No valid credential (401), a role that is not enough (403), or too many requests (429).
        """
        caller = await self._authenticate(authorization)
        if caller is None:
            raise _unauthenticated(_INVALID_CREDENTIAL if authorization else _NO_CREDENTIAL)
        self._limit_rate(caller)
        if not caller.role.allows(role):
            raise ApiError(
                ApiCode.FORBIDDEN, f"This request needs the role '{role}'; the caller has '{caller.role}'."
            )
        return caller

    async def admit_again(self, authorization: str, caller: Caller) -> None:
        """Check the credential of a request that takes long: it may have been revoked since.

        Args:
            authorization: The header of this name.
            caller: The caller when the request began.

        Raises:
            ApiError: The credential no longer belongs to this caller (401).
        """
        if await self._authenticate(authorization) != caller:
            raise _unauthenticated(_INVALID_CREDENTIAL)

    async def still_admits(self, authorization: str, caller: Caller) -> bool:
        """Return whether `admit_again()` admits the caller, whose stream is open.

        Returns:
            False also if the database or the issuer does not answer, so that the service cannot find out.
        """
        try:
            await self.admit_again(authorization, caller)
        except (ApiError, NodeRunnerError, SQLAlchemyError):
            return False
        return True

    async def _authenticate(self, authorization: str) -> Caller | None:
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip() if scheme.lower() == "bearer" else ""
        for authenticator in self._authenticators:
            if (caller := await authenticator.authenticate(credential)) is not None:
                return caller
        return None

    def _limit_rate(self, caller: Caller) -> None:
        now = self._runtime.monotonic()
        key = caller.tenant, caller.actor  # Tokens of two tenants may have the same subject.
        scheduled = max(self._scheduled.get(key, 0.0), now)
        early_s = scheduled - now - self._tolerance_s
        if early_s > 0:
            retry_after = str(max(1, round(early_s)))
            raise ApiError(
                ApiCode.RATE_LIMITED,
                f"Too many requests: wait {retry_after} s, then send fewer requests per second.",
                headers={"Retry-After": retry_after},
            )
        if len(self._scheduled) >= _MAX_REMEMBERED:
            self._scheduled = {each: at for each, at in self._scheduled.items() if at > now}
        self._scheduled[key] = scheduled + self._interval_s
