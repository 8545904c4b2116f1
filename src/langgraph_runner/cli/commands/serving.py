"""`serve` and `keys`: the service, and its API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.session import DEFAULT_TENANT, Session

if TYPE_CHECKING:
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.server.auth.keys import ApiKey, NewApiKey

__all__ = ["create", "list_keys", "revoke", "rotate", "serve"]

_FIX = "Run it where the server runs."
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The id of a key, as `keys list` shows it.")]


def serve(
    app: options.App = None,
    store: options.Store = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 picks a free port.")] = 8_000,
    dev: Annotated[
        bool,
        typer.Option("--dev", help="No keys: every request from this machine is an admin's."),
    ] = False,
    requests_per_s: Annotated[
        float, typer.Option("--requests-per-s", min=0.001, help="How many requests a key may send a second.")
    ] = 100.0,
    tenant: options.Tenant = DEFAULT_TENANT,
    api_only: Annotated[bool, typer.Option("--api-only", help="Leave the runs to workers.")] = False,
    dispatch: options.Dispatch = None,
    cache: options.Cache = None,
    artifacts: options.Artifacts = None,
) -> None:
    """Serve workflows over HTTP, and run them. `keys create` makes a key for a caller."""
    from langgraph_runner.server.serving import is_loopback, serve_app

    if dev and not is_loopback(host):
        raise CliError(
            CliCode.USAGE,
            f"--dev needs no key, so it listens on this machine only: leave out --host {host}, or --dev.",
        )
    session = Session(app, store, tenant)

    async def work(engine: RunEngine) -> None:
        def tell(address: str) -> None:
            session.out.line(f"Serving at {address}")
            if dev:
                session.out.line(
                    f"No key is needed (--dev): every request acts as an admin of tenant '{tenant}'."
                )
            else:
                session.out.line(f"Make a key: {session.hint('keys', 'create', 'NAME')}")

        await serve_app(
            engine,
            host=host,
            port=port,
            dev_tenant=tenant if dev else None,
            requests_per_s=requests_per_s,
            on_listening=tell,
        )

    session.serve(
        work,
        takes_on="none" if api_only else "all",
        dispatch=dispatch,
        cache=cache,
        artifacts=artifacts,
    )


def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for the person or program that gets it.")
    ],
    role: Annotated[
        str, typer.Option("--role", help="read: look; run: start and change runs; admin: metrics, audit log.")
    ] = "run",
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="DURATION", help="How long it works: 90d.")
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Make an API key for the tenant. It is shown only once."""
    from langgraph_runner.cli.arguments.reading import read_duration
    from langgraph_runner.server.auth.keys import ApiKeys, Role

    if role not in [*Role]:
        raise CliError(CliCode.USAGE, f"--role: {role!r} is not one of {', '.join(Role)}.")
    age = None if expires_in is None else read_duration(expires_in, "--expires-in")
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> NewApiKey:
        return await ApiKeys(engine.store).create(tenant=tenant, name=name, role=role, expires_in=age)

    _show_new(session, session.ask_database(ask, "keys create", _FIX, may_create=True))


def list_keys(
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of all tenants.")] = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the API keys of the tenant, also expired and revoked ones."""
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> list[ApiKey]:
        return await ApiKeys(engine.store).list(tenant=None if all_tenants else tenant)

    keys = session.ask_database(ask, "keys list", _FIX)
    if as_json:
        session.out.json(keys)
    elif not keys:
        session.out.line("No keys.")
    else:
        session.out.table(
            ["key", "tenant", "name", "role", "made", "ends"],
            [
                [
                    each.id,
                    each.tenant,
                    each.name,
                    str(each.role),
                    f"{each.created_at:%Y-%m-%d}",
                    _end_of(each),
                ]
                for each in keys
            ],
        )


def rotate(
    key_id: KeyId,
    grace: Annotated[
        str, typer.Option("--grace", metavar="DURATION", help="How long the old key keeps working.")
    ] = "1d",
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Make a key that replaces this one. The old key keeps working for a day."""
    from langgraph_runner.cli.arguments.reading import read_duration
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, as_json=as_json)
    left = read_duration(grace, "--grace")

    async def ask(engine: RunEngine) -> NewApiKey:
        return await ApiKeys(engine.store).rotate(key_id, grace=left)

    _show_new(session, session.ask_database(ask, "keys rotate", _FIX))


def revoke(
    key_id: KeyId,
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Revoke a key. Servers notice within 5 seconds."""
    from langgraph_runner.server.auth.keys import ApiKeys

    session = Session(app, store, as_json=as_json)

    async def ask(engine: RunEngine) -> ApiKey:
        return await ApiKeys(engine.store).revoke(key_id)

    key = session.ask_database(ask, "keys revoke", _FIX)
    if as_json:
        session.out.json(key)
    else:
        session.out.line(f"Key {key.id} of {key.name} is revoked.")


def _show_new(session: Session, key: NewApiKey) -> None:
    if session.as_json:
        session.out.json(key)
        return
    session.out.line(
        f"Key {key.id} for {key.name}: tenant '{key.tenant}', role {key.role}. It is shown only once:"
    )
    session.out.raw(f"{key.key}\n")


def _end_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return "" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
