"""The command line `langgraph-runner`: run workflows, follow them, change them, inspect them.

    app              the Typer application: all commands, and the end of each with an exit code
    commands/        one function for each command: reads options, calls the engine, prints the answer
    arguments/       options that commands share, and what their values mean
    render/          tables, JSON, live displays
    drawing/         graphs and timelines as text and as SVG
    session          the engine or the client (`--server URL`) for the options of a command, and the event loop
    follow           follow a run to its end, with Ctrl-C
    logs             the log of `serve` and `worker`
    stopping         the end of `serve` and `worker`: a grace period for their runs
    problems         any exception as one line, an error code and an exit code
    database_errors  errors of the database, with its name and advice
    environment      the names of environment variables

Nothing here runs workflows: that is `engine/`, or a service through `client/`. Needs the extra `cli`.
"""

import logging
import sys
from importlib.util import find_spec

from langgraph_runner.cli.render.pipes import tolerate_closed_stdout

__all__ = ["main"]

_PACKAGES_OF_EXTRA = ("typer", "rich", "sqlalchemy", "alembic")


def main() -> None:
    """Run the command line with the arguments of the process."""
    tolerate_closed_stdout()
    # Commands print failures themselves; `serve` and `worker` add a log. An app that configures logging also
    # sees the log events.
    logging.getLogger("langgraph_runner").addHandler(logging.NullHandler())
    # Some packages are imported late. A check up front gives one clear message instead of a late ImportError.
    missing = [name for name in _PACKAGES_OF_EXTRA if not _is_installed(name)]
    if missing:
        sys.stderr.write(f"langgraph-runner needs {missing[0]}: pip install 'langgraph-runner[cli]'\n")
        raise SystemExit(8)
    from langgraph_runner.cli.app import app  # noqa: PLC0415 - an extra

    app()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # `sys.modules` has None for it, which blocks the import.
        return False
