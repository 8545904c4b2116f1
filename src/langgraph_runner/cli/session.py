"""One command at work: the engine for its options, the event loop, Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import typer

from langgraph_runner.cli.arguments.options import APP_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.exits import ExitCode
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.remote import SERVER, open_client, refuse_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from langgraph_runner.cli.following import Display, RunView
    from langgraph_runner.cli.remote import ServerOption
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.client import RunClient
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.worker.workload import TakesOn

    Backend = RunEngine | RunClient
    """What commands talk to: both have the same methods."""

__all__ = ["DEFAULT_TENANT", "Interrupts", "Session", "handle_signal"]

DEFAULT_TENANT = "default"
T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """What all commands have in common.

    Args:
        app: `--app`.
        store: `--store`.
        tenant: `--tenant`.
        as_json: `--json`.
    """

    app: str | None
    store: str | None
    tenant: str = DEFAULT_TENANT
    as_json: bool = False
    server: ServerOption | None = None
    out: Output = None  # type: ignore[assignment] # made below, from as_json

    def __post_init__(self) -> None:
        from langgraph_runner.cli.render.output import Output

        self.out = Output(as_json=self.as_json)
        self.server = self.server or SERVER.get()

    def ask(
        self,
        question: Callable[[Backend], Awaitable[T]],
        *,
        needs_app: bool = False,
        may_create: bool = False,
        **options: Any,
    ) -> T:
        """Ask the engine or the service something; the engine runs nothing meanwhile.

        Args:
            question: Gets the engine or the client.
            needs_app: Whether its workflows are needed.
            may_create: Whether a database that is not there is to be made.
            **options: Of the engine, if it is made here.
        """
        if self.server is not None:
            if named := [name for name, value in options.items() if value is not None]:
                raise CliError(
                    CliCode.USAGE,
                    f"--{named[0]}: {self.server.url} has its own, and serves the files; leave the option out.",
                )
            return self._with_client(question, self.server)
        may_create = may_create or needs_app
        return self._with_engine(
            question, takes_on="none", needs_app=needs_app, may_create=may_create, **options
        )

    def work(self, work: Callable[[Backend], Awaitable[T]]) -> T:
        """Have the engine run what it is asked for, and nothing else; or have the service run it."""
        if self.server is not None:
            return self._with_client(work, self.server)
        return self._with_engine(work, takes_on="own", needs_app=True, may_create=True)

    def ask_database(
        self,
        question: Callable[[RunEngine], Awaitable[T]],
        command: str,
        fix: str,
        *,
        may_create: bool = False,
        **options: Any,
    ) -> T:
        """Ask an engine on the database something that no service offers.

        Args:
            question: Gets the engine.
            command: The command, for the message.
            fix: What to do where `--server` is given.
            may_create: Whether a database that is not there is to be made.
            **options: Of the engine, if it is made here.

        Raises:
            CliError: `--server` is given.
        """
        refuse_server(self.server, command, fix)
        return self._with_engine(question, takes_on="none", needs_app=False, may_create=may_create, **options)

    def serve(
        self,
        work: Callable[[RunEngine], Awaitable[T]],
        *,
        command: str = "serve",
        takes_on: TakesOn = "all",
        **options: Any,
    ) -> T:
        """Let the engine run all runs, also those that other processes trigger.

        Args:
            work: Gets the engine.
            command: The name of the command, for what it refuses.
            takes_on: Which runs the engine runs.
            **options: Of the engine, if it is made here.
        """
        refuse_server(self.server, command, "Leave --server out.")
        return self._with_engine(work, takes_on=takes_on, needs_app=True, may_create=True, **options)

    def hint(self, *command: str) -> str:
        """A command line that goes on from here, with the options of this one; a password is `***` there."""
        words = ["langgraph-runner"]
        if self.server is not None and self.server.url != os.environ.get(SERVER_VARIABLE):
            words += ["--server", self.server.url]
        if self.server is not None and self.server.key_file is not None:
            words += ["--api-key-file", self.server.key_file]
        words += command
        if self.app is not None and self.app != os.environ.get(APP_VARIABLE):
            words += ["--app", self.app]
        if self.store is not None:
            from langgraph_runner.cli.databases import without_password

            words += ["--store", without_password(self.store)]
        if self.tenant != DEFAULT_TENANT:
            words += ["--tenant", self.tenant]
        return shlex.join(words)

    def _with_client(self, work: Callable[[RunClient], Awaitable[T]], server: ServerOption) -> T:
        if self.store is not None:
            raise CliError(
                CliCode.USAGE, f"--store: {server.url} has a database of its own; leave the option out."
            )
        if self.app is not None and self.app != os.environ.get(APP_VARIABLE):
            raise CliError(
                CliCode.USAGE, f"--app: {server.url} has workflows of its own; leave the option out."
            )

        async def main() -> T:
            async with client:
                return await work(client)

        client = open_client(server)
        with _signals_restored():
            return asyncio.run(main())

    def _with_engine(
        self,
        work: Callable[[RunEngine], Awaitable[T]],
        *,
        takes_on: TakesOn,
        needs_app: bool,
        may_create: bool,
        **options: Any,
    ) -> T:
        from langgraph_runner.cli.arguments.loading import load_engine
        from langgraph_runner.cli.databases import told_of

        async def main() -> T:
            engine.take_on(takes_on)
            async with engine:
                return await work(engine)

        with self.out.for_answers_only():
            engine, store = load_engine(
                self.app, self.store, needs_app=needs_app, may_create=may_create, **options
            )
            with told_of(store), _signals_restored():
                return asyncio.run(main())


@contextlib.contextmanager
def _signals_restored() -> Iterator[None]:
    """Put the handlers back that were there before: an event loop leaves Python's defaults instead."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def handle_signal(number: signal.Signals, handler: Callable[[], None]) -> bool:
    """Have the event loop handle a signal; False if it does not.

    It does not where the process ignores the signal: under `nohup` and in the background, shells see to that.
    """
    if signal.getsignal(number) is signal.SIG_IGN:
        return False
    try:
        asyncio.get_running_loop().add_signal_handler(number, handler)
    except NotImplementedError:  # Windows: Ctrl-C ends the process at once.
        return False
    return True


class Interrupts:
    """Ctrl-C while a run is followed: the first cancels the run, the second leaves it, the third leaves at once.

    A termination signal leaves it, too: somebody else may go on with it.

    Args:
        engine: Of the run.
        view: The run.
        display: Who says what is going on.
        session: Says whose run it is, and how to go on with it.
    """

    def __init__(self, engine: Backend, view: RunView, display: Display, session: Session) -> None:
        self._engine = engine
        self._view = view
        self._display = display
        self._session = session
        self._cancelling: asyncio.Task[Any] | None = None
        self._has_left = False
        self._handled: list[signal.Signals] = []

    async def __aenter__(self) -> Self:
        self._main = asyncio.current_task()
        self._handle(signal.SIGINT, self._interrupted)
        self._handle(signal.SIGTERM, self._leave)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._has_left and kind is not None and issubclass(kind, asyncio.CancelledError):
            # The handlers stay: a further signal ends the process while the engine closes. The loop removes them.
            if self._session.server is None:
                again = f"Go on with it: {self._session.hint('resume', self._view.run.id)}"
            else:
                follow = self._session.hint("events", self._view.run.id, "--follow")
                again = f"The service goes on with it: {follow}"
            sys.stderr.write(f"Left the run before it was over. {again}\n")
            raise typer.Exit(ExitCode.LEFT)
        loop = asyncio.get_running_loop()
        for number in self._handled:
            loop.remove_signal_handler(number)
        if self._cancelling is not None:
            await self._cancelling

    def _handle(self, number: signal.Signals, handler: Callable[[], None]) -> None:
        if handle_signal(number, handler):
            self._handled.append(number)

    def _interrupted(self) -> None:
        if self._cancelling is None and not self._has_left:
            self._display.notice("Cancelling: what runs is told to stop. Ctrl-C again leaves the run.")
            self._view.is_cancelling = True
            self._cancelling = asyncio.ensure_future(
                self._engine.cancel(
                    self._view.run.id, tenant=self._session.tenant, reason="interrupted (Ctrl-C)"
                )
            )
        else:
            self._leave()

    def _leave(self) -> None:
        if self._has_left:
            os._exit(ExitCode.LEFT)
        self._has_left = True
        if self._main is not None:
            self._main.cancel()
