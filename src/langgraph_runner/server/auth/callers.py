"""Authenticators: each turns a credential into a `Caller`, or says that it does not know the credential.

ApiKeyAuth   by API keys
DevAuth      one caller for every request, for development
JwtAuth      by JSON Web Tokens, in `tokens.py`
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple, Protocol

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.auth.keys import ApiKeys, Role
from langgraph_runner.workflow.tenant import DEFAULT_TENANT

__all__ = ["ApiKeyAuth", "Authenticator", "Caller", "DevAuth"]

_REMEMBERED_S: Final = 5.0
_MAX_REMEMBERED: Final = 10_000
_UNKNOWN_AT_ONCE: Final = 2
"""How many keys that are not remembered are looked up at the same time."""


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
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[credential] = now + _REMEMBERED_S, caller
        return caller


class DevAuth:
    """Authenticates every request as an administrator. For development on one machine.

    Args:
        tenant: The tenant of every request.
    """

    def __init__(self, tenant: str = DEFAULT_TENANT) -> None:
        self._caller = Caller("dev", tenant, Role.ADMIN)

    async def authenticate(self, credential: str) -> Caller | None:
        """Return the same caller for every request."""
        del credential
        return self._caller
