"""`keys`: the API keys of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.values import read_duration
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from langgraph_runner.server.auth.keys import ApiKey, NewApiKey

__all__ = ["create", "list_keys", "revoke", "rotate"]

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The id of a key, as `keys list` shows it.")]


def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the person or program that gets the key.")
    ],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="read: see runs; run: also start and change runs; admin: also metrics and the audit log.",
        ),
    ] = "run",
    expires_in: Annotated[
        str | None,
        typer.Option(
            "--expires-in", metavar="DURATION", help="How long the key works, such as 90d. Default: forever."
        ),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Create an API key for a tenant. The key is shown only once."""
    from langgraph_runner.server.auth.keys import ApiKeys, Role

    if role not in [*Role]:
        raise CliError(CliCode.USAGE, f"--role must be one of {', '.join(Role)}, got {role!r}.")
    age = None if expires_in is None else read_duration(expires_in, "--expires-in")
    session = Session(app, store, tenant, as_json)
    key = session.ask_database(
        lambda engine: ApiKeys(engine.store).create(tenant=tenant, name=name, role=role, expires_in=age),
        "keys create",
        may_create=True,
    )
    _show_new_key(session, key)


def list_keys(
    all_tenants: options.AllTenants = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the API keys of a tenant, including expired and revoked ones."""
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, tenant, as_json)
    owner = None if all_tenants else tenant
    keys = session.ask_database(lambda engine: ApiKeys(engine.store).list(tenant=owner), "keys list")
    if as_json:
        session.out.json(keys)
    elif not keys:
        session.out.line("No keys.")
    else:
        rows = []
        for key in keys:
            created = f"{key.created_at:%Y-%m-%d}"
            rows.append([key.id, key.tenant, key.name, str(key.role), created, _end_of(key)])
        session.out.table(["key", "tenant", "name", "role", "created", "expires"], rows)


def rotate(
    key_id: KeyId,
    grace: Annotated[
        str, typer.Option("--grace", metavar="DURATION", help="How long the old key keeps working.")
    ] = "1d",
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Replace an API key by a new one. The old key keeps working for a day, or for `--grace`."""
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, as_json=as_json)
    grace_period = read_duration(grace, "--grace")
    key = session.ask_database(
        lambda engine: ApiKeys(engine.store).rotate(key_id, grace=grace_period), "keys rotate"
    )
    _show_new_key(session, key)


def revoke(
    key_id: KeyId,
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Revoke an API key. Servers refuse it within 5 seconds."""
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, as_json=as_json)
    key = session.ask_database(lambda engine: ApiKeys(engine.store).revoke(key_id), "keys revoke")
    session.out.answer(key, f"Revoked key {key.id} of {key.name}.")


def _show_new_key(session: Session, key: NewApiKey) -> None:
    if session.as_json:
        session.out.json(key)
        return
    session.out.line(f"Key {key.id} for {key.name}: tenant '{key.tenant}', role {key.role}. Shown only once:")
    # The key is alone on the last line, so that a script can read it with `tail -1`.
    session.out.raw(f"{key.key}\n")


def _end_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return "" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
