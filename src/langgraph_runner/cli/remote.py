"""`--server URL` to a client of that service, which the commands use as they use an engine."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from langgraph_runner.cli.arguments.options import KEY_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.problems import CliCode, CliError

if TYPE_CHECKING:
    import typer

    from langgraph_runner.client import RunClient

__all__ = ["SERVER", "ServerOption", "open_client", "refuse_server", "server_of"]


class ServerOption(NamedTuple):
    """The options of the command line that name a service."""

    url: str
    key_file: str | None
    is_insecure: bool
    max_attempts: int = 5


SERVER: ContextVar[ServerOption | None] = ContextVar("langgraph_runner_server", default=None)
"""The service that the command at work uses. It is set before any command; typer has no public way to ask for it."""


def server_of(ctx: typer.Context) -> ServerOption | None:
    """The service that the command line or the environment names; None for an engine in this process."""
    options = ctx.find_root().params
    url = options.get("server")
    if not url:
        return None
    return ServerOption(url, options.get("api_key_file"), bool(options.get("allow_insecure")))


def open_client(server: ServerOption) -> RunClient:
    """A client of a service. The key is read from its file or from the environment, never from the command line.

    Raises:
        CliError: The key cannot be read, or the address is not one of a service.
    """
    from langgraph_runner.client import RunClient  # noqa: PLC0415 - imports httpx

    key = os.environ.get(KEY_VARIABLE) or None
    if server.key_file is not None:
        try:
            key = Path(server.key_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CliError(CliCode.FILE_FAILED, f"--api-key-file: {error}") from error
    try:
        return RunClient(
            server.url, api_key=key, allow_insecure=server.is_insecure, max_attempts=server.max_attempts
        )
    except ValueError as error:
        words = str(error).replace("allow_insecure=True", "--allow-insecure")
        words = words.replace("give the API key as api_key=", f"give the API key in {KEY_VARIABLE}")
        for parameter, option in (("url: ", "--server: "), ("api_key: ", f"{KEY_VARIABLE}: ")):
            if words.startswith(parameter):
                words = option + words.removeprefix(parameter)
        raise CliError(CliCode.USAGE, words) from error


def refuse_server(server: ServerOption | None, command: str, fix: str) -> None:
    """Refuse a service for a command that needs the database.

    Args:
        server: The service, if there is one.
        command: The command, as it is written.
        fix: What to do instead.

    Raises:
        CliError: There is one.
    """
    if server is not None:
        raise CliError(
            CliCode.USAGE,
            f"--server: `{command}` needs the database itself. {fix} Without --server and {SERVER_VARIABLE} it uses"
            " the database here.",
        )
