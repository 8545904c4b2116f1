"""`ApiKeys`: keys of the service, made, listed, rotated, revoked and looked up.

A key is `lgr_<id>_<secret>`. The id finds its row; the secret has 256 bits of chance, so a plain SHA-256 keeps it
(slow hashes are for what people make up), and is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import bindparam, insert, or_, select, update

from langgraph_runner.engine import EngineError, checks
from langgraph_runner.engine.models import at
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import api_keys
from langgraph_runner.engine.store.statements import Prepared, now_ms
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import render_message
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from langgraph_runner.engine.store import RunStore

__all__ = ["ApiKey", "ApiKeys", "NewApiKey", "Role", "UnknownKeyError"]

_PREFIX: Final = "lgr"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_MAX_NAME: Final = 128
_FORM: Final = re.compile(rf"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_NOBODY: Final = hashlib.sha256(b"").hexdigest()
_LIVE: Final = Prepared(
    select(api_keys).where(
        api_keys.c.id == bindparam("id"),
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now_ms()),
    )
)


class Role(StrEnum):
    """What a caller may do. Each may do what the one before may."""

    READ = "read"
    """Look at runs."""
    RUN = "run"
    """Start, change and end them."""
    ADMIN = "admin"
    """See the metrics and the audit log."""

    def allows(self, needed: Role) -> bool:
        """Whether whoever has this role may do what needs `needed`."""
        order = [*Role]
        return order.index(self) >= order.index(needed)


class ApiKey(BaseModel):
    """A key as it may be shown."""

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class NewApiKey(ApiKey):
    """A key that was made just now."""

    key: str
    """What a caller sends. It is kept nowhere, so this is the only time that it is shown."""


class UnknownKeyError(EngineError, LookupError):
    """There is no API key with this id, or it no longer works.

    Attributes:
        key_id: The id.
    """

    code = ErrorCode.KEY_NOT_FOUND

    def __init__(self, *, key_id: str) -> None:
        super().__init__(render_message(self.code, key_id=key_id))
        self.key_id = key_id


class ApiKeys:
    """The keys of a database.

    Args:
        store: The database, which has the keys of all tenants.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store

    async def create(
        self, *, tenant: str, name: str, role: Role | str = Role.RUN, expires_in: timedelta | None = None
    ) -> NewApiKey:
        """Make a key.

        Args:
            tenant: Whose runs it is for.
            name: A name for the person or program that gets it: 1 to 128 characters.
            role: What it allows.
            expires_in: How long it works; None for ever.

        Raises:
            ValueError: An argument is out of its range.
        """
        checks.text(tenant, checks.MAX_TENANT, field="tenant")
        checks.text(name, _MAX_NAME, field="name")
        checks.one_of(role, Role, field="role")
        if expires_in is not None and expires_in <= timedelta():
            raise ValueError(f"expires_in: {expires_in!r} is not positive.")
        key_id = REAL_RUNTIMES.awaiting.token_hex(_ID_BYTES)
        secret = REAL_RUNTIMES.awaiting.token_hex(_SECRET_BYTES)
        row = await self._store.write(
            _Insert(
                {
                    "id": key_id,
                    "tenant_id": tenant,
                    "name": name,
                    "role": str(role),
                    "secret_sha256": _hash(secret),
                },
                None if expires_in is None else round(expires_in.total_seconds() * 1000),
            )
        )
        return NewApiKey(**_values(row), key=f"{_PREFIX}_{key_id}_{secret}")

    async def list(self, *, tenant: str | None = None) -> list[ApiKey]:
        """The keys of a tenant, or of all, the oldest first; those that do not work any more, too."""
        return [ApiKey(**_values(row)) for row in await self._store.read(_listed, tenant)]

    async def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key.

        Raises:
            UnknownKeyError: There is none that works.
        """
        return await self._end(key_id, timedelta())

    async def rotate(self, key_id: str, *, grace: timedelta = timedelta(days=1)) -> NewApiKey:
        """Make a key that replaces this one. The old key keeps working until `grace` has passed.

        Raises:
            UnknownKeyError: There is none that works.
            ValueError: `grace` is negative.
        """
        if grace < timedelta():
            raise ValueError(f"grace: {grace!r} is negative.")
        old = await self._end(key_id, grace)
        return await self.create(tenant=old.tenant, name=old.name, role=old.role)

    async def find(self, key: str) -> ApiKey | None:
        """Look up the key that a caller has sent.

        Text that does not have the form of a key costs no query. An unknown key takes as long as one with a wrong
        secret.

        Returns:
            The key; None if it is unknown, revoked or expired.
        """
        form = _FORM.fullmatch(key)
        if form is None:
            return None
        key_id, secret = form.groups()
        row = await self._store.read(_live, key_id)
        expected = _NOBODY if row is None else row["secret_sha256"]
        is_right = hmac.compare_digest(expected, _hash(secret))
        return ApiKey(**_values(row)) if row is not None and is_right else None

    async def _end(self, key_id: str, grace: timedelta) -> ApiKey:
        row = await self._store.write(_End(key_id, round(grace.total_seconds() * 1000)))
        if row is None:
            raise UnknownKeyError(key_id=key_id)
        return ApiKey(**_values(row))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _values(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name] for name in ("created_at", "expires_at", "revoked_at")}
    return {
        "id": row["id"],
        "tenant": row["tenant_id"],
        "name": row["name"],
        "role": row["role"],
        **{name: None if ms is None else at(ms) for name, ms in moments.items()},
    }


@for_all_tenants
def _live(connection: Connection, key_id: str) -> dict[str, Any] | None:
    return next((row._asdict() for row in _LIVE.ask(connection, id=key_id)), None)


@for_all_tenants
def _listed(connection: Connection, tenant: str | None) -> list[dict[str, Any]]:
    query = select(api_keys).order_by(api_keys.c.tenant_id, api_keys.c.created_at, api_keys.c.id)
    if tenant is not None:
        query = query.where(api_keys.c.tenant_id == tenant)
    return [row._asdict() for row in connection.execute(query)]


class _Insert(Write[dict[str, Any]]):
    def __init__(self, row: dict[str, Any], lasts_ms: int | None) -> None:
        self.row = row
        self.lasts_ms = lasts_ms

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[_Insert]) -> list[dict[str, Any]]:
        now = now_in(connection)
        rows = [
            {
                **each.row,
                "created_at": now,
                "expires_at": None if each.lasts_ms is None else now + each.lasts_ms,
                "revoked_at": None,
            }
            for each in writes
        ]
        connection.execute(insert(api_keys), rows)
        return rows

    @classmethod
    def apply_again(cls, connection: Connection, writes: Sequence[_Insert]) -> list[dict[str, Any]]:
        (write,) = writes
        query = select(api_keys).where(api_keys.c.id == write.row["id"])
        made = connection.execute(query).first()
        return cls.apply(connection, writes) if made is None else [made._asdict()]


class _End(Write[dict[str, Any] | None]):
    def __init__(self, key_id: str, grace_ms: int) -> None:
        self.key_id = key_id
        self.grace_ms = grace_ms

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[_End]) -> list[dict[str, Any] | None]:
        return [each.end(connection) for each in writes]

    def end(self, connection: Connection) -> dict[str, Any] | None:
        row = _live(connection, self.key_id)
        if row is None:
            return None
        now = now_in(connection)
        if self.grace_ms:
            ends = {"expires_at": min(now + self.grace_ms, row["expires_at"] or now + self.grace_ms)}
        else:
            ends = {"revoked_at": now}
        connection.execute(update(api_keys).where(api_keys.c.id == self.key_id).values(**ends))
        return {**row, **ends}
