"""``python -m examples.package_audit [DIST] [--out DIR]``."""

import argparse
import asyncio
import sys
import warnings
from collections.abc import Sequence
from typing import cast

from rich.console import Console

from examples.package_audit.console import progress, show_result
from examples.package_audit.gate import blocked
from examples.package_audit.graph import graph
from examples.package_audit.state import AuditRequest, AuditState
from langgraph_runner import runner_config

AUDITED, BLOCKED, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit a distribution and show the result.

    Returns:
        The exit code: 0 when there is an audit (perhaps with some files left out), 1 when there is none,
        2 for a wrong command line, 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    # The parser warns of odd code in the files; that is the business of their authors.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning, message="invalid")
    # What LangGraph leaves behind when Ctrl-C stops tasks that wait for their turn.
    warnings.filterwarnings("ignore", category=RuntimeWarning, message="coroutine 'arun_with_retry'")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    request: AuditRequest = {"distribution": options.distribution}
    if options.out:
        request["out_dir"] = options.out
    try:
        state = asyncio.run(audited(request, console))
    except OSError as error:
        console.print(
            f"The report cannot be written: {error.strerror}: {error.filename}", style="red", markup=False
        )
        return BLOCKED
    except KeyboardInterrupt:
        console.print("Stopped.")
        return INTERRUPTED
    show_result(state, console)
    return BLOCKED if blocked(state) else AUDITED


def parser() -> argparse.ArgumentParser:
    """Say what the command line takes."""
    made = argparse.ArgumentParser(
        prog="python -m examples.package_audit",
        description="Audit an installed Python distribution: size, complexity, docstrings, imports, licence.",
    )
    made.add_argument("distribution", nargs="?", default="langgraph", help="its name (default: %(default)s)")
    made.add_argument("--out", metavar="DIR", help="where the report goes (default: out/package_audit/NAME)")
    return made


async def audited(request: AuditRequest, console: Console) -> AuditState:
    """Run the graph, with progress on a terminal."""
    state: AuditState = {}
    with progress(console) as show:
        config = runner_config()
        async for mode, chunk in graph.astream(request, config, stream_mode=["updates", "values"]):
            if mode == "values":
                state = cast("AuditState", chunk)
            show(mode, chunk)
    return state


if __name__ == "__main__":
    sys.exit(main())
