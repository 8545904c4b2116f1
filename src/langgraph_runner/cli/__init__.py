"""The command line `langgraph-runner`: run workflows, follow them, change them, look at them.

    commands/    one function for each command: reads options, asks the engine, hands the answer to be shown
    drawing/     graphs and timelines as text and as SVG; pure functions of what is drawn
    loading      `--app module:attribute` to an engine
    following    a run as it goes: live in a terminal, line by line in a pipe
    output       tables, fields and JSON on stdout; problems on stderr
    pipes        a stdout whose reader may go away
    assigning    `--set key=value` into the inputs or the payload of a change
    inputs       fields that the model of the inputs would leave out in silence
    databases    what a database refuses, with its name
    exits        what the exit code says, in one table

Needs the extra `cli`.
"""

import logging
import sys

from langgraph_runner.cli.pipes import keep_stdout

__all__ = ["main"]

_EXTRA = frozenset({"typer", "rich", "sqlalchemy", "alembic"})


def main() -> None:
    """Run the command line with the arguments of the process."""
    keep_stdout()
    # The commands show failures themselves; an app that configures logging sees the events as well.
    logging.getLogger("langgraph_runner").addHandler(logging.NullHandler())
    try:
        from langgraph_runner.cli.app import app  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        sys.stderr.write(f"langgraph-runner needs {name}: pip install 'langgraph-runner[cli]'\n")
        raise SystemExit(8) from error
    app()
