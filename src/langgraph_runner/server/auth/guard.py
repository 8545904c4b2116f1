"""`Guard`: authenticates each request, limits the rate of each caller, and checks the role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.errors import NodeRunnerError
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.problems import ApiCode, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langgraph_runner.server.auth.callers import Authenticator, Caller
    from langgraph_runner.server.auth.keys import Role

__all__ = ["Guard"]

_MAX_REMEMBERED: Final = 10_000
_NO_CREDENTIAL: Final = (
    "Send an API key in the header `Authorization: Bearer ...`; `langgraph-runner keys create` makes one."
)
_INVALID_CREDENTIAL: Final = "The API key or token does not work: it is unknown, revoked or has expired."


class Guard:
    """Admits a request or refuses it.

    The rate of each caller is limited by the generic cell rate algorithm (ITU-T I.371), which keeps one number for
    each caller: the time at which the next request would be on schedule.

    Args:
        authenticators: Asked in this order; the first one that knows the credential decides.
        requests_per_s: How many requests per second a caller may send on average.
        burst: How many requests a caller may send at once.
    """

    def __init__(self, authenticators: Iterable[Authenticator], *, requests_per_s: float, burst: int) -> None:
        self._authenticators: Sequence[Authenticator] = [*authenticators]
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
            raise ApiError(
                ApiCode.UNAUTHENTICATED,
                _INVALID_CREDENTIAL if authorization else _NO_CREDENTIAL,
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._limit_rate(caller)
        if not caller.role.allows(role):
            raise ApiError(
                ApiCode.FORBIDDEN, f"This request needs the role '{role}'; the caller has '{caller.role}'."
            )
        return caller

    async def still_admits(self, authorization: str, caller: Caller) -> bool:
        """Return whether a credential still belongs to this caller, whose stream is open: it may have been revoked.

        Args:
            authorization: The header of this name.
            caller: The caller when the request began.

        Returns:
            False also if the database or the issuer does not answer, so that the service cannot find out.
        """
        try:
            return await self._authenticate(authorization) == caller
        except (ApiError, NodeRunnerError, SQLAlchemyError):
            return False

    async def _authenticate(self, authorization: str) -> Caller | None:
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip() if scheme.lower() == "bearer" else ""
        for authenticator in self._authenticators:
            if (caller := await authenticator.authenticate(credential)) is not None:
                return caller
        return None

    def _limit_rate(self, caller: Caller) -> None:
        now = REAL_RUNTIMES.awaiting.monotonic()
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
