"""The command line `langgraph-runner`: run workflows, follow them, change them, look at them.

    commands/    one function for each command: reads options, asks the engine, hands the answer to be shown
    drawing/     graphs and timelines as text and as SVG; pure functions of what is drawn
    loading      `--app module:attribute` to an engine
    remote       `--server URL` to a client, which the commands use as they use an engine
    following    a run as it goes: live in a terminal, line by line in a pipe
    output       tables, fields and JSON on stdout; problems on stderr
    pipes        a stdout whose reader may go away
    completing   what a shell offers for runs, steps and workflows
    assigning    `--set key=value` into the inputs or the payload of a change
    databases    what a database refuses, with its name
    exits        what the exit code says, in one table

Needs the extra `cli`.
"""

import logging
import sys
from importlib.util import find_spec

from langgraph_runner.cli.render.pipes import keep_stdout

__all__ = ["main"]

_EXTRA = ("typer", "rich", "sqlalchemy", "alembic")


def main() -> None:
    """Run the command line with the arguments of the process."""
    keep_stdout()
    # The commands show failures themselves; an app that configures logging sees the events as well.
    logging.getLogger("langgraph_runner").addHandler(logging.NullHandler())
    # They are imported where they are used, some late: what is missing is looked for first.
    missing = [name for name in _EXTRA if not _is_installed(name)]
    if missing:
        sys.stderr.write(f"langgraph-runner needs {missing[0]}: pip install 'langgraph-runner[cli]'\n")
        raise SystemExit(8)
    from langgraph_runner.cli.app import app  # noqa: PLC0415 - an extra

    app()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # It has been made impossible to import.
        return False
