"""`ApiKeys`: create, list, rotate, revoke and look up the API keys of the service.

A key is `lgr_<id>_<secret>`. The id finds its row. The secret has 256 random bits, so its SHA-256 is enough (slow
hashes are for passwords that people choose); it is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import bindparam, insert, or_, select, update

from langgraph_runner.engine import EngineError, checks
from langgraph_runner.engine.models import at, maybe_at
from langgraph_runner.engine.store.schema import api_keys
from langgraph_runner.engine.store.statements import Prepared, for_all_tenants, now_in, now_ms
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import render_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from langgraph_runner.engine.store import RunStore

__all__ = ["ApiKey", "ApiKeys", "NewApiKey", "Role", "UnknownKeyError"]

_PREFIX: Final = "lgr"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_MAX_NAME: Final = 128
_KEY: Final = re.compile(rf"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_NO_SECRET: Final = hashlib.sha256(b"").hexdigest()
_LIVE: Final = Prepared(
    select(api_keys).where(
        api_keys.c.id == bindparam("id"),
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now_ms()),
    )
)


class Role(StrEnum):
    """What a caller may do. Each role includes the ones before it."""

    READ = "read"
    """See runs."""
    RUN = "run"
    """Start, update, retry and cancel runs."""
    ADMIN = "admin"
    """See the metrics and the audit log."""

    def allows(self, needed: Role) -> bool:
        """Return whether this role includes the role `needed`."""
        order = [*Role]
        return order.index(self) >= order.index(needed)


class ApiKey(BaseModel):
    """An API key without its secret."""

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class NewApiKey(ApiKey):
    """An API key that was just created, with its secret."""

    key: str
    """The text that a caller sends. The service does not store it, so it is shown only once."""


class UnknownKeyError(EngineError, LookupError):
    """There is no API key with this id, or it is revoked or has expired.

    Attributes:
        key_id: The id that was given.
    """

    code = ErrorCode.KEY_NOT_FOUND

    def __init__(self, *, key_id: str) -> None:
        super().__init__(render_message(self.code, key_id=key_id))
        self.key_id = key_id


class ApiKeys:
    """The API keys of all tenants in a database. Safe to use from several tasks.

    Args:
        store: The database.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self.runtime = store.runtimes.awaiting

    async def create(
        self, *, tenant: str, name: str, role: Role | str = Role.RUN, expires_in: timedelta | None = None
    ) -> NewApiKey:
        """Create a key.

        Args:
            tenant: The tenant whose runs the key gives access to: 1 to 128 characters.
            name: A name for the person or program that gets the key: 1 to 128 characters.
            role: What the key allows.
            expires_in: How long the key works; None for no end.

        Raises:
            ValueError: An argument is out of its range.
        """
        checks.text(tenant, checks.MAX_TENANT, field="tenant")
        checks.text(name, _MAX_NAME, field="name")
        checks.one_of(role, Role, field="role")
        if expires_in is not None and expires_in <= timedelta():
            raise ValueError(f"expires_in must be positive, got {expires_in!r}.")
        key_id = self.runtime.token_hex(_ID_BYTES)
        secret = self.runtime.token_hex(_SECRET_BYTES)
        new = {
            "id": key_id,
            "tenant_id": tenant,
            "name": name,
            "role": str(role),
            "secret_sha256": _hash(secret),
        }
        lifetime_ms = None if expires_in is None else round(expires_in.total_seconds() * 1000)
        row = await self._store.write(_Insert(new, lifetime_ms))
        return NewApiKey(**_values(row), key=f"{_PREFIX}_{key_id}_{secret}")

    async def list(self, *, tenant: str | None = None) -> list[ApiKey]:
        """Return the keys of a tenant, or of all tenants, oldest first, with expired and revoked ones."""
        return [ApiKey(**_values(row)) for row in await self._store.read(_all_rows, tenant)]

    async def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key.

        Raises:
            UnknownKeyError: No working key has this id.
        """
        return await self._end(key_id, timedelta())

    async def rotate(self, key_id: str, *, grace: timedelta = timedelta(days=1)) -> NewApiKey:
        """Create a key that replaces this one. The old key keeps working until `grace` has passed.

        Raises:
            UnknownKeyError: No working key has this id.
            ValueError: `grace` is negative.
        """
        if grace < timedelta():
            raise ValueError(f"grace must not be negative, got {grace!r}.")
        old = await self._end(key_id, grace)
        return await self.create(tenant=old.tenant, name=old.name, role=old.role)

    async def find(self, key: str) -> ApiKey | None:
        """Look up the key that a caller has sent.

        Text that does not look like a key costs no query. An unknown id takes as long as a wrong secret.

        Returns:
            The key; None if it is unknown, revoked or expired.
        """
        parts = _KEY.fullmatch(key)
        if parts is None:
            return None
        key_id, secret = parts.groups()
        row = await self._store.read(_live_row, key_id)
        expected = _NO_SECRET if row is None else row["secret_sha256"]
        is_equal = hmac.compare_digest(expected, _hash(secret))
        return ApiKey(**_values(row)) if row is not None and is_equal else None

    async def _end(self, key_id: str, grace: timedelta) -> ApiKey:
        row = await self._store.write(_End(key_id, round(grace.total_seconds() * 1000)))
        if row is None:
            raise UnknownKeyError(key_id=key_id)
        return ApiKey(**_values(row))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "tenant": row["tenant_id"],
        "name": row["name"],
        "role": row["role"],
        "created_at": at(row["created_at"]),
        "expires_at": maybe_at(row["expires_at"]),
        "revoked_at": maybe_at(row["revoked_at"]),
    }


@for_all_tenants
def _live_row(connection: Connection, key_id: str) -> dict[str, Any] | None:
    return next((row._asdict() for row in _LIVE.ask(connection, id=key_id)), None)


@for_all_tenants
def _all_rows(connection: Connection, tenant: str | None) -> list[dict[str, Any]]:
    query = select(api_keys).order_by(api_keys.c.tenant_id, api_keys.c.created_at, api_keys.c.id)
    if tenant is not None:
        query = query.where(api_keys.c.tenant_id == tenant)
    return [row._asdict() for row in connection.execute(query)]


@dataclass(slots=True)
class _Insert(Write[dict[str, Any]]):
    row: dict[str, Any]
    lifetime_ms: int | None

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[_Insert]) -> list[dict[str, Any]]:
        now = now_in(connection)
        rows = [
            {
                **each.row,
                "created_at": now,
                "expires_at": None if each.lifetime_ms is None else now + each.lifetime_ms,
                "revoked_at": None,
            }
            for each in writes
        ]
        connection.execute(insert(api_keys), rows)
        return rows

    def apply_again(self, connection: Connection) -> dict[str, Any]:
        query = select(api_keys).where(api_keys.c.id == self.row["id"])
        existing = connection.execute(query).first()
        return self.apply(connection, [self])[0] if existing is None else existing._asdict()


@dataclass(slots=True)
class _End(Write[dict[str, Any] | None]):
    key_id: str
    grace_ms: int

    def apply_one(self, connection: Connection) -> dict[str, Any] | None:
        row = _live_row(connection, self.key_id)
        if row is None:
            return None
        now = now_in(connection)
        if self.grace_ms:
            end = now + self.grace_ms
            changes = {"expires_at": min(end, row["expires_at"] or end)}
        else:
            changes = {"revoked_at": now}
        connection.execute(update(api_keys).where(api_keys.c.id == self.key_id).values(**changes))
        return {**row, **changes}
