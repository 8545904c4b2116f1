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
        The exit code: 0 if there is an audit (perhaps without some files), 1 if there is none, 2 for an invalid
        command line, 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    # The parser warns about odd code in the audited files, which is not our concern.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning, message="invalid")
    # LangGraph leaves coroutines behind when Ctrl-C stops tasks that are still queued.
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
    """Define the command line."""
    command_line = argparse.ArgumentParser(
        prog="python -m examples.package_audit",
        description="Audit an installed Python distribution: size, complexity, docstrings, imports, licence.",
    )
    command_line.add_argument(
        "distribution", nargs="?", default="langgraph", help="its name (default: %(default)s)"
    )
    command_line.add_argument(
        "--out", metavar="DIR", help="where the report goes (default: out/package_audit/NAME)"
    )
    return command_line


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
