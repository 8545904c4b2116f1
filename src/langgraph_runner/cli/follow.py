"""Follow a run to its end, with Ctrl-C on the way."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, Self

import typer

from langgraph_runner.cli.session import add_handlers, remove_handlers
from langgraph_runner.errors.codes import ExitCode

if TYPE_CHECKING:
    from langgraph_runner.cli.render.displays import Display, RunView
    from langgraph_runner.cli.session import Backend, Session
    from langgraph_runner.engine import Run

__all__ = ["follow"]


async def follow(
    engine: Backend, view: RunView, display: Display, session: Session, *, after: int = 0
) -> Run:
    """Show a run until it ends.

    The first Ctrl-C cancels the run, the second one leaves it, the third one ends the process at once.
    A termination signal leaves the run: another process may resume it.

    Args:
        engine: The engine or the client that has the run.
        view: The run as it is now.
        display: Shows the run.
        session: The options of the command.
        after: The number of the last event that is not displayed.

    Raises:
        typer.Exit: The user left the run before it ended.
    """
    run_id, tenant = view.run.id, session.tenant
    async with _Interrupts(engine, view, display, session):
        with display.shown(view):
            async for event in engine.events(run_id, tenant=tenant, after=after):
                display.show_event(view, event, view.apply(event))
        return await engine.get_run(run_id, tenant=tenant)


class _Interrupts:
    """Handles Ctrl-C and termination signals while the context lasts; see `follow()`."""

    def __init__(self, engine: Backend, view: RunView, display: Display, session: Session) -> None:
        self._engine = engine
        self._view = view
        self._display = display
        self._session = session
        self._cancelling: asyncio.Task[Any] | None = None
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._main = asyncio.current_task()
        add_handlers(self._interrupt, self._leave)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._has_left and kind is not None and issubclass(kind, asyncio.CancelledError):
            # The handlers stay, so that a further signal ends the process while the engine closes.
            # The event loop removes them when it closes.
            if self._session.server is None:
                hint = f"Resume it: {self._session.hint('resume', self._view.run.id)}"
            else:
                command = self._session.hint("events", self._view.run.id, "--follow")
                hint = f"The service continues it: {command}"
            sys.stderr.write(f"Left the run before it ended. {hint}\n")
            raise typer.Exit(ExitCode.LEFT)
        remove_handlers()
        if self._cancelling is not None:
            await self._cancelling

    def _interrupt(self) -> None:
        if self._cancelling is not None or self._has_left:
            self._leave()
            return
        self._display.notice(
            "Cancelling: running steps are asked to stop. Press Ctrl-C again to leave the run."
        )
        self._cancelling = asyncio.ensure_future(
            self._engine.cancel(self._view.run.id, tenant=self._session.tenant, reason="interrupted (Ctrl-C)")
        )

    def _leave(self) -> None:
        if self._has_left:
            os._exit(ExitCode.LEFT)
        self._has_left = True
        if self._main is not None:
            self._main.cancel()
