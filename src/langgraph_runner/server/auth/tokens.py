"""`JwtAuth`: callers with JSON Web Tokens of an identity provider."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from langgraph_runner.engine import checks
from langgraph_runner.errors.hints import importing_extra
from langgraph_runner.errors.logs import emit
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.auth.callers import Caller
from langgraph_runner.server.auth.keys import Role
from langgraph_runner.server.problems import LOGGER, ApiCode, ApiError

__all__ = ["JwtAuth"]

_TOKEN_DOTS: Final = 2
_MAX_TOKEN: Final = 16_384
_MAX_SUBJECT: Final = 200
_TOKEN_THREADS: Final = 2
_ISSUER_TIMEOUT_S: Final = 5.0
_ISSUER_PAUSE_S: Final = 10.0
"""How long to wait after a failed request for the issuer's keys before the next one."""
_INVALID_TOKEN: Final = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""Errors of reading a token: it may hold any JSON, such as 1,000 brackets, or an object in place of text."""
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key only: with a shared secret, a server that verifies tokens could also sign them."""


class JwtAuth:
    """Authenticates callers by JSON Web Tokens (RFC 7519), with keys from a JWKS address. Needs the extra `jwt`.

    A token must have an expiry time and a signature by a private key.

    Args:
        jwks_url: The address at which the issuer publishes its keys (RFC 7517).
        issuer: The value that the claim `iss` must have.
        audience: The value that the claim `aud` must contain.
        tenant_claim: The claim that names the tenant.
        role_claim: The claim that names the role: `read`, `run` or `admin`. A token without it has the role `read`.
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
        with importing_extra("jwt", "JSON Web Tokens need PyJWT", extra="jwt"):
            import jwt  # noqa: PLC0415 - of an extra
        self._jwt = jwt

        class IssuerKeys(jwt.PyJWKClient):
            """Raises `PyJWKClientConnectionError` if the issuer does not answer with keys, and then pauses."""

            paused_until = 0.0

            def fetch_data(self) -> Any:
                now = REAL_RUNTIMES.blocking.monotonic()
                if now < self.paused_until:
                    raise jwt.PyJWKClientConnectionError("The issuer did not answer a moment ago.")
                try:
                    return super().fetch_data()
                except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
                    self.paused_until = REAL_RUNTIMES.blocking.monotonic() + _ISSUER_PAUSE_S
                    emit(LOGGER, logging.ERROR, "auth.issuer_failed", url=jwks_url, error=str(error))
                    raise jwt.PyJWKClientConnectionError(str(error)) from error

        self._keys = IssuerKeys(jwks_url, timeout=_ISSUER_TIMEOUT_S)
        # Threads of its own: an issuer that does not answer must not hold the threads that other work waits for.
        self._threads = ThreadPoolExecutor(_TOKEN_THREADS, "jwt")
        self._issuer = issuer
        self._audience = audience
        self._tenant_claim = tenant_claim
        self._role_claim = role_claim

    async def authenticate(self, credential: str) -> Caller | None:
        """Return the caller for whom this token was signed, or None if it is not a valid token.

        Raises:
            ApiError: The issuer's keys cannot be fetched (503).
        """
        if credential.count(".") != _TOKEN_DOTS or len(credential) > _MAX_TOKEN:
            return None
        try:
            loop = asyncio.get_running_loop()
            claims = await loop.run_in_executor(self._threads, self._verify, credential)
            tenant = checks.text(claims[self._tenant_claim], checks.MAX_TENANT, field=self._tenant_claim)
            subject = checks.text(claims["sub"], _MAX_SUBJECT, field="sub")
            role = Role(claims.get(self._role_claim, Role.READ))
        except self._jwt.PyJWKClientConnectionError as error:
            raise ApiError(
                ApiCode.ISSUER_UNAVAILABLE,
                "The service cannot fetch the keys of the token issuer, so it cannot verify tokens. Try again later.",
                headers={"Retry-After": str(round(_ISSUER_PAUSE_S))},
            ) from error
        except (self._jwt.PyJWTError, *_INVALID_TOKEN):
            return None
        return Caller(f"jwt:{subject}", tenant, role)

    def _verify(self, token: str) -> dict[str, Any]:
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
