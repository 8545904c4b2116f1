"""`Session`: the engine or the client for the options of a command, the event loop, and the prompt.

With `--server URL` commands use a client of that service like an engine.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import typer

from langgraph_runner.cli.environment import APP_VARIABLE, KEY_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from langgraph_runner.cli.logs import LogFormat, LogLevel
    from langgraph_runner.client import RunClient
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.worker.workload import TakesOn

    Backend = RunEngine | RunClient
    """What commands call: both have the same methods."""

__all__ = ["SERVER", "ServerOption", "Session", "add_handlers", "remove_handlers", "server_option"]

T = TypeVar("T")
_RUN_ON_THE_SERVER: Final = (
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


class Session:
    """The options that all commands share, and the calls to an engine or a service with these options.

    Without `server`, the service is that of the option `--server`.
    """

    def __init__(
        self,
        app: str | None,
        store: str | None,
        tenant: str = DEFAULT_TENANT,
        as_json: bool = False,
        server: ServerOption | None = None,
    ) -> None:
        from langgraph_runner.cli.render.output import Output

        self.app = app
        self.store = store
        self.tenant = tenant
        self.as_json = as_json
        self.server = server or SERVER.get()
        self.out = Output(as_json=as_json)

    def ask(
        self, question: Callable[[Backend], Awaitable[T]], *, needs_app: bool = False, **options: Any
    ) -> T:
        """Ask the engine or the service. The engine runs nothing meanwhile.

        Args:
            question: Receives the engine or the client.
            needs_app: Whether the workflows of the app are needed.
            **options: Options of an engine that is made here; refused with `--server`.
        """
        if self.server is None:
            return self._with_engine(question, takes_on="none", needs_app=needs_app, **options)
        for name, value in options.items():
            if value is not None:
                raise CliError(
                    CliCode.USAGE,
                    f"--{name} cannot be used with --server: {self.server.url} has its own. Leave --{name} out.",
                )
        return self._with_client(question, self.server)

    def work(self, work: Callable[[Backend], Awaitable[T]]) -> T:
        """Let the engine run only the runs that `work` triggers or resumes. A service runs them itself."""
        if self.server is not None:
            return self._with_client(work, self.server)
        return self._with_engine(work, takes_on="own", needs_app=True)

    def ask_database(
        self,
        question: Callable[[RunEngine], Awaitable[T]],
        command: str,
        *,
        may_create: bool = False,
        **options: Any,
    ) -> T:
        """Ask an engine on the database for something that no service offers.

        Args:
            question: Receives the engine.
            command: The command, for the error message.
            may_create: Whether to create a database that does not exist.
            **options: Options of an engine that is made here.
        """
        self.refuse_server(command)
        return self._with_engine(question, takes_on="none", may_create=may_create, **options)

    def serve(
        self,
        work: Callable[[RunEngine], Awaitable[T]],
        *,
        command: str,
        log: tuple[LogLevel, LogFormat | None],
        takes_on: TakesOn,
        **options: Any,
    ) -> T:
        """Let the engine also run the runs that other processes trigger: those that `takes_on` names.

        Meanwhile events are logged with this level and format.
        """
        self.refuse_server(command, fix=f"Leave out --server and {SERVER_VARIABLE}.")
        return self._with_engine(work, takes_on=takes_on, needs_app=True, log=log, **options)

    def refuse_server(self, command: str, *, fix: str = _RUN_ON_THE_SERVER) -> None:
        """Refuse `--server` for a command that needs the database. `fix` says what to do instead."""
        if self.server is not None:
            raise CliError(
                CliCode.USAGE,
                f"--server cannot be used with `{command}`, which needs the database itself. {fix}",
            )

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before a command deletes something, or runs something that costs; not if `--yes` was given.

        Raises:
            CliError: The answer is no, or there is no terminal to ask in.
            typer.Abort: The user left the prompt, with Ctrl-C or Ctrl-D.
        """
        if yes:
            return
        if self.as_json or not sys.stdin.isatty():
            reason = "with --json there is no prompt" if self.as_json else "there is no terminal to ask in"
            raise CliError(CliCode.USAGE, f"{question} Give --yes to confirm: {reason}.")
        try:
            is_confirmed = typer.confirm(question, err=True)
        except typer.Abort:  # Ctrl-C or Ctrl-D, which leave the cursor behind the question.
            sys.stderr.write("\nNothing was done.\n")
            raise
        if not is_confirmed:
            raise CliError(CliCode.DECLINED, "Nothing was done.")

    def hint(self, *command: str) -> str:
        """Return a further command line with the options of this one. A password in it is `***`."""
        words = ["langgraph-runner"]
        if self.server is not None and self.server.url != os.environ.get(SERVER_VARIABLE):
            words += ["--server", self.server.url]
        if self.server is not None and self.server.key_file is not None:
            words += ["--api-key-file", self.server.key_file]
        words += command
        if self.app is not None and self.app != os.environ.get(APP_VARIABLE):
            words += ["--app", self.app]
        if self.store is not None:
            from langgraph_runner.cli.database_errors import without_password

            words += ["--store", without_password(self.store)]
        if self.tenant != DEFAULT_TENANT:
            words += ["--tenant", self.tenant]
        return shlex.join(words)

    def _with_client(self, work: Callable[[RunClient], Awaitable[T]], server: ServerOption) -> T:
        given = None
        if self.store is not None:
            given = "--store"
        elif self.app is not None and self.app != os.environ.get(APP_VARIABLE):
            given = "--app"
        if given is not None:
            raise CliError(
                CliCode.USAGE,
                f"{given} cannot be used with --server {server.url}, which has its own database and workflows."
                f" Leave {given} out.",
            )

        async def main() -> T:
            async with client:
                return await work(client)

        client = _open_client(server)
        with _handlers_restored():
            return asyncio.run(main())

    def _with_engine(
        self,
        work: Callable[[RunEngine], Awaitable[T]],
        *,
        takes_on: TakesOn,
        log: tuple[LogLevel, LogFormat | None] | None = None,
        **options: Any,
    ) -> T:
        from langgraph_runner.cli.arguments.app_loader import load_engine
        from langgraph_runner.cli.database_errors import database_errors

        async def main() -> T:
            engine.take_on(takes_on)
            async with engine:
                return await work(engine)

        with self.out.reserved_for_json():
            engine, store = load_engine(self.app, self.store, **options)
            with database_errors(store), _handlers_restored(), _logging(log):
                return asyncio.run(main())


@contextmanager
def _logging(log: tuple[LogLevel, LogFormat | None] | None) -> Iterator[None]:
    """Log to stderr with this level and format; not at all if it is None. The app had its turn to configure a log."""
    if log is None:
        yield
        return
    from langgraph_runner.cli.logs import log_to_stderr  # imports structlog

    with log_to_stderr(*log):
        yield


def _open_client(server: ServerOption) -> RunClient:
    """Make a client of a service. The key comes from its file or the environment, never from the command line."""
    from langgraph_runner.client import RunClient  # imports httpx

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


@contextmanager
def _handlers_restored() -> Iterator[None]:
    """Restore the signal handlers at the end: an event loop would leave Python's default handlers instead."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def add_handlers(on_interrupt: Callable[[], None], on_terminate: Callable[[], None]) -> None:
    """Let the running event loop handle Ctrl-C and termination signals.

    Not a signal that the process ignores, as under `nohup` or in the background of a shell; and none on Windows,
    where Ctrl-C ends the process at once.
    """
    with suppress(NotImplementedError):  # Windows
        for number, handler in ((signal.SIGINT, on_interrupt), (signal.SIGTERM, on_terminate)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, handler)


def remove_handlers() -> None:
    """Remove the handlers that `add_handlers()` added."""
    with suppress(NotImplementedError):  # Windows
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
