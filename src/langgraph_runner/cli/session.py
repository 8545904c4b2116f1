"""`Session`: the engine or the client for the options of a command, and the event loop."""

from __future__ import annotations

import asyncio
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_runner.cli.environment import APP_VARIABLE, SERVER_VARIABLE
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.remote import RUN_ON_THE_SERVER, SERVER, open_client, refuse_server
from langgraph_runner.cli.signals import handlers_restored
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph_runner.cli.remote import ServerOption
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.client import RunClient
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.worker.workload import TakesOn

    Backend = RunEngine | RunClient
    """What commands call: both have the same methods."""

__all__ = ["Session"]

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """The options that all commands share, and the calls to an engine or a service with these options.

    Args:
        app: `--app`.
        store: `--store`.
        tenant: `--tenant`.
        as_json: `--json`.
        server: `--server`; None for that of the command line, if there is one.
    """

    app: str | None
    store: str | None
    tenant: str = DEFAULT_TENANT
    as_json: bool = False
    server: ServerOption | None = None
    out: Output = None  # type: ignore[assignment] # set in __post_init__, from as_json

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
        """Ask the engine or the service. The engine runs nothing meanwhile.

        Args:
            question: Receives the engine or the client.
            needs_app: Whether the workflows of the app are needed.
            may_create: Whether to create a database that does not exist.
            **options: Options of an engine that is made here.

        Raises:
            CliError: `--server` is given with one of `options`.
        """
        if self.server is not None:
            for name, value in options.items():
                if value is not None:
                    raise CliError(
                        CliCode.USAGE,
                        f"--{name} cannot be used with --server: {self.server.url} has its own. Leave --{name} out.",
                    )
            return self._with_client(question, self.server)
        may_create = may_create or needs_app
        return self._with_engine(
            question, takes_on="none", needs_app=needs_app, may_create=may_create, **options
        )

    def work(self, work: Callable[[Backend], Awaitable[T]]) -> T:
        """Let the engine run only the runs that `work` triggers or resumes; with a service, let the service run them.

        Args:
            work: Receives the engine or the client.
        """
        if self.server is not None:
            return self._with_client(work, self.server)
        return self._with_engine(work, takes_on="own", needs_app=True, may_create=True)

    def ask_database(
        self,
        question: Callable[[RunEngine], Awaitable[T]],
        command: str,
        *,
        fix: str = RUN_ON_THE_SERVER,
        may_create: bool = False,
        **options: Any,
    ) -> T:
        """Ask an engine on the database for something that no service offers.

        Args:
            question: Receives the engine.
            command: The command, for the error message.
            fix: What to do instead of giving `--server`.
            may_create: Whether to create a database that does not exist.
            **options: Options of an engine that is made here.

        Raises:
            CliError: `--server` is given.
        """
        refuse_server(self.server, command, fix=fix)
        return self._with_engine(question, takes_on="none", needs_app=False, may_create=may_create, **options)

    def serve(
        self,
        work: Callable[[RunEngine], Awaitable[T]],
        *,
        command: str,
        takes_on: TakesOn,
        **options: Any,
    ) -> T:
        """Let the engine also run the runs that other processes trigger.

        Args:
            work: Receives the engine.
            command: The name of the command, for the error message.
            takes_on: Which runs the engine runs.
            **options: Options of an engine that is made here.

        Raises:
            CliError: `--server` is given.
        """
        refuse_server(self.server, command, fix=f"Leave out --server and {SERVER_VARIABLE}.")
        return self._with_engine(work, takes_on=takes_on, needs_app=True, may_create=True, **options)

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

        client = open_client(server)
        with handlers_restored():
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
        from langgraph_runner.cli.arguments.app_loader import load_engine
        from langgraph_runner.cli.database_errors import database_errors

        async def main() -> T:
            engine.take_on(takes_on)
            async with engine:
                return await work(engine)

        with self.out.reserved_for_json():
            engine, store = load_engine(
                self.app, self.store, needs_app=needs_app, may_create=may_create, **options
            )
            with database_errors(store), handlers_restored():
                return asyncio.run(main())
