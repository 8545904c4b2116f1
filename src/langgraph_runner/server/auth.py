"""Authentication: by API keys, by JSON Web Tokens, or none in development.

Authenticator   turns a credential into a `Caller`
Guard           asks the authenticators, and limits the rate of each caller
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.engine import checks
from langgraph_runner.errors import NodeRunnerError
from langgraph_runner.errors.logs import emit
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.keys import ApiKeys, Role
from langgraph_runner.server.logs import LOGGER
from langgraph_runner.server.problems import ApiCode, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ApiKeyAuth", "Authenticator", "Caller", "DevAuth", "Guard", "JwtAuth"]

_REMEMBERED_S: Final = 5.0
_MOST_REMEMBERED: Final = 10_000
_UNKNOWN_AT_ONCE: Final = 2
"""How many keys that did not work lately are looked up at once."""
_TOKEN_DOTS: Final = 2
_ISSUER_TIMEOUT_S: Final = 5.0
_ISSUER_PAUSE_S: Final = 10.0
"""After a failed request for the issuer's keys, no other is sent for so long."""
_MAX_TOKEN: Final = 16_384
_TOKEN_THREADS: Final = 2
_BAD_TOKEN: Final = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a token may raise: it may hold any JSON, such as 1,000 brackets, or an object instead of text."""
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key only: with a shared secret, a server that verifies tokens could also sign them."""


class Caller(NamedTuple):
    """An authenticated caller."""

    actor: str
    """For the audit log: `key:<id>`, `jwt:<subject>`, or `dev`."""
    tenant: str
    """The only tenant whose runs the caller sees and changes."""
    role: Role


class Authenticator(Protocol):
    """One way to authenticate callers."""

    async def authenticate(self, credential: str) -> Caller | None:
        """The caller with this credential; None if it is unknown.

        Args:
            credential: The header `Authorization` behind `Bearer`; empty without one.
        """
        ...


class ApiKeyAuth:
    """Authenticates callers by API keys. It remembers each key for 5 seconds.

    So a revoked key works for up to 5 seconds more. Keys that did not work lately are looked up two at a time, so a
    flood of wrong keys takes little of the database and never delays a caller whose key is in use.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._known: dict[str, tuple[float, Caller]] = {}
        self._unknown = asyncio.Semaphore(_UNKNOWN_AT_ONCE)

    async def authenticate(self, credential: str) -> Caller | None:
        """The caller who has this key."""
        now = REAL_RUNTIMES.awaiting.monotonic()
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
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[credential] = now + _REMEMBERED_S, caller
        return caller


class JwtAuth:
    """Authenticates callers by JSON Web Tokens (RFC 7519), with keys from a JWKS address. Needs the extra `jwt`.

    A token has to say when it expires, and to be signed by a private key.

    Args:
        jwks_url: Where the issuer publishes its keys (RFC 7517).
        issuer: What `iss` has to be.
        audience: What `aud` has to hold.
        tenant_claim: The claim that names the tenant.
        role_claim: The claim that names the role: `read`, `run` or `admin`. Without it a caller may read.
    """

    def __init__(
        self,
        jwks_url: str,
        *,
        issuer: str,
        audience: str,
        tenant_claim: str = "tenant",
        role_claim: str = "role",
    ) -> None:
        try:
            import jwt  # noqa: PLC0415 - of an extra
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "JSON Web Tokens need PyJWT: pip install 'langgraph-runner[jwt]'", name=error.name
            ) from error
        self._jwt = jwt

        class IssuerKeys(jwt.PyJWKClient):
            """Raises `PyJWKClientConnectionError` if the issuer does not answer with keys, and then pauses."""

            asks_again_at = 0.0

            def fetch_data(self) -> Any:
                now = REAL_RUNTIMES.blocking.monotonic()
                if now < self.asks_again_at:
                    raise jwt.PyJWKClientConnectionError("The issuer did not answer a moment ago.")
                try:
                    return super().fetch_data()
                except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
                    self.asks_again_at = REAL_RUNTIMES.blocking.monotonic() + _ISSUER_PAUSE_S
                    emit(LOGGER, logging.ERROR, "issuer.unavailable", url=jwks_url, error=str(error))
                    raise jwt.PyJWKClientConnectionError(str(error)) from error

        self._keys = IssuerKeys(jwks_url, timeout=_ISSUER_TIMEOUT_S)
        # Threads of its own: an issuer that does not answer must not hold the threads that others wait for.
        self._threads = ThreadPoolExecutor(_TOKEN_THREADS, "jwt")
        self._issuer = issuer
        self._audience = audience
        self._tenant_claim = tenant_claim
        self._role_claim = role_claim

    async def authenticate(self, credential: str) -> Caller | None:
        """The caller for whom this token was signed.

        Raises:
            ApiError: The issuer's keys cannot be fetched (503).
        """
        if credential.count(".") != _TOKEN_DOTS or len(credential) > _MAX_TOKEN:
            return None
        try:
            verifying = asyncio.get_running_loop().run_in_executor(self._threads, self._verified, credential)
            claims = await verifying
            tenant = checks.text(claims[self._tenant_claim], checks.MAX_TENANT, field=self._tenant_claim)
            subject = checks.text(claims["sub"], 200, field="sub")
            role = Role(claims.get(self._role_claim, Role.READ))
        except self._jwt.PyJWKClientConnectionError as error:
            raise ApiError(
                ApiCode.ISSUER_UNAVAILABLE,
                "The keys of the token issuer cannot be fetched, so no token can be verified; try again later.",
                headers={"Retry-After": str(round(_ISSUER_PAUSE_S))},
            ) from error
        except (self._jwt.PyJWTError, *_BAD_TOKEN):
            return None
        return Caller(f"jwt:{subject}", tenant, role)

    def _verified(self, token: str) -> dict[str, Any]:
        key = self._keys.get_signing_key_from_jwt(token)
        claims: dict[str, Any] = self._jwt.decode(
            token,
            key,
            algorithms=[*_ALGORITHMS],
            issuer=self._issuer,
            audience=self._audience,
            options={"require": ["exp", "sub"]},
        )
        return claims


class DevAuth:
    """Authenticates every request as an admin: for development on one machine.

    Args:
        tenant: Whose runs they see.
    """

    def __init__(self, tenant: str = "default") -> None:
        self._caller = Caller("dev", tenant, Role.ADMIN)

    async def authenticate(self, credential: str) -> Caller | None:
        """The same caller for every request."""
        del credential
        return self._caller


class Guard:
    """Lets a request through, or refuses it.

    The rate of each caller is limited by the generic cell rate algorithm (ITU-T I.371), which needs one number a
    caller: when the next request would be on time.

    Args:
        authenticators: Asked in their order.
        requests_per_s: How many requests a caller may send in the long run.
        burst: How many of them at once.
    """

    def __init__(self, authenticators: Iterable[Authenticator], *, requests_per_s: float, burst: int) -> None:
        self._authenticators: Sequence[Authenticator] = [*authenticators]
        self._interval_s = 1 / requests_per_s
        self._tolerance_s = self._interval_s * (burst - 1)
        self._on_time: dict[tuple[str, str], float] = {}

    async def admit(self, authorization: str, role: Role) -> Caller:
        """The caller of a request.

        Args:
            authorization: The header of this name; empty without one.
            role: What the request needs.

        Raises:
            ApiError: No valid credential (401), a role that does not allow it (403), or too many requests (429).
        """
        caller = await self._known(authorization)
        if caller is None:
            detail = (
                "Send an API key as a bearer token in the header `Authorization`;"
                " `langgraph-runner keys create` makes one."
            )
            if authorization:
                detail = "The API key or token does not work: it is unknown, revoked or has expired."
            raise ApiError(ApiCode.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": "Bearer"})
        self._limit(caller)
        if not caller.role.allows(role):
            raise ApiError(
                ApiCode.FORBIDDEN, f"This needs the role '{role}'; the caller has '{caller.role}'."
            )
        return caller

    async def still_admits(self, authorization: str, caller: Caller) -> bool:
        """Whether a credential still belongs to its caller, whose stream is open: it may have been revoked.

        Args:
            authorization: The header of this name.
            caller: Whom it belonged to when the request began.

        Returns:
            False also if that cannot be found out, because the database or the issuer does not answer.
        """
        try:
            return await self._known(authorization) == caller
        except (ApiError, NodeRunnerError, SQLAlchemyError):
            return False

    async def _known(self, authorization: str) -> Caller | None:
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip() if scheme.lower() == "bearer" else ""
        for authenticator in self._authenticators:
            if (caller := await authenticator.authenticate(credential)) is not None:
                return caller
        return None

    def _limit(self, caller: Caller) -> None:
        now = REAL_RUNTIMES.awaiting.monotonic()
        who = caller.tenant, caller.actor  # Tokens of two tenants may have one subject.
        on_time = max(self._on_time.get(who, 0.0), now)
        early_s = on_time - now - self._tolerance_s
        if early_s > 0:
            raise ApiError(
                ApiCode.RATE_LIMITED,
                "Too many requests: wait, then go on slower.",
                headers={"Retry-After": str(max(1, round(early_s)))},
            )
        if len(self._on_time) >= _MOST_REMEMBERED:
            self._on_time = {each: at for each, at in self._on_time.items() if at > now}
        self._on_time[who] = on_time + self._interval_s
