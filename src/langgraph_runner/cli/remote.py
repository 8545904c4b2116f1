"""`--server URL`: a client of that service, which the commands use like an engine."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.cli.environment import KEY_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.problems import CliCode, CliError

if TYPE_CHECKING:
    import typer

    from langgraph_runner.client import RunClient

__all__ = ["RUN_ON_THE_SERVER", "SERVER", "ServerOption", "open_client", "refuse_server", "server_option"]

RUN_ON_THE_SERVER: Final = (
    "Run it on the machine of the server."
    f" To use the database here instead, leave out --server and {SERVER_VARIABLE}."
)


class ServerOption(NamedTuple):
    """The options of the command line that name a service."""

    url: str
    key_file: str | None
    is_insecure: bool
    max_attempts: int = 5


SERVER: ContextVar[ServerOption | None] = ContextVar("langgraph_runner_server", default=None)
"""The service of the current command, set before the command runs. Typer has no public way to ask for it later."""


def server_option(ctx: typer.Context) -> ServerOption | None:
    """Return the service that the command line or the environment names; None for an engine in this process."""
    options = ctx.find_root().params
    url = options.get("server")
    if not url:
        return None
    return ServerOption(url, options.get("api_key_file"), bool(options.get("allow_insecure")))


def open_client(server: ServerOption) -> RunClient:
    """Make a client of a service. The key comes from its file or the environment, never from the command line.

    Raises:
        CliError: The key cannot be read, or the URL is invalid.
    """
    from langgraph_runner.client import RunClient  # noqa: PLC0415 - imports httpx

    key = os.environ.get(KEY_VARIABLE) or None
    if server.key_file is not None:
        try:
            key = Path(server.key_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CliError(CliCode.FILE_FAILED, f"--api-key-file cannot be read: {error}") from error
    try:
        return RunClient(
            server.url, api_key=key, allow_insecure=server.is_insecure, max_attempts=server.max_attempts
        )
    except ValueError as error:
        raise CliError(CliCode.USAGE, _with_names_of_options(str(error))) from error


def _with_names_of_options(message: str) -> str:
    """Replace the parameters of `RunClient` in an error message by the options of the command line."""
    message = message.replace("allow_insecure=True", "--allow-insecure")
    message = message.replace("the API key as api_key=", f"the API key in {KEY_VARIABLE}")
    for parameter, option in (("url ", "--server "), ("api_key ", f"{KEY_VARIABLE} ")):
        if message.startswith(parameter):
            message = option + message.removeprefix(parameter)
    return message


def refuse_server(server: ServerOption | None, command: str, *, fix: str = RUN_ON_THE_SERVER) -> None:
    """Refuse `--server` for a command that needs the database.

    Args:
        server: The service, if one is given.
        command: The command as the user writes it.
        fix: What to do instead.

    Raises:
        CliError: A service is given.
    """
    if server is not None:
        raise CliError(
            CliCode.USAGE,
            f"--server cannot be used with `{command}`, which needs the database itself. {fix}",
        )
