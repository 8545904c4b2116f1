"""What importing `create_node` adds to the import of LangGraph, and how long the command line takes to start."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from statistics import median

from benchmarks.report import Goal, Section, Table, times
from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow

RUNS = 15
COMMANDS = {
    "langgraph-runner --help": (["--help"], 0.4),
    "langgraph-runner status last": (["status", "last", "--store", "sqlite:///runs.db"], 0.7),
}
"""The commands, with the limit of each in seconds."""
LIMIT = 1.05
BASE = "import langgraph.graph"
# `import langgraph_runner` alone loads nothing: the first use of a name imports its module.
OURS = "from langgraph_runner import create_node"
IMPORTS = (BASE, OURS, f"{BASE}; {OURS}", "import langgraph_runner")
# Processor time: unlike wall time it does not grow while other processes use the processor.
PROGRAM = "from time import process_time as t; s = t(); {}; print(t() - s)"

METHOD = f"""
Processor time of the import alone, without the start of the interpreter, in {RUNS} new processes for each row, with
the bytecode written before. The goal uses the best times. The third row is a program that also builds graphs; the
last row is the package before the first use of a name. Commands are timed as whole processes.
"""
WHY_SLOW = (
    "nearly all imported modules belong to LangGraph and pydantic; the rest is about eighty small modules and seven"
    " pydantic models. In another order of imports, a full garbage collection runs, too."
)


def import_s(statement: str, bytecode: str) -> float:
    """Return the processor time of one import in a fresh process, in seconds. Its bytecode is in `folder`."""
    program = PROGRAM.format(statement)
    # An installed package has its bytecode, so ignore a shell setting that disables writing it.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return float(done.stdout)


def command_s(command: list[str], folder: str, bytecode: str) -> float:
    """Return the processor time of a whole command with the start of the interpreter, in seconds."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "langgraph_runner", *command],
        check=True,
        capture_output=True,
        cwd=folder,
        env=environment,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def commands(runs: int) -> dict[str, list[float]]:
    """Time the commands on a database with one run."""
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as bytecode, tempfile.TemporaryDirectory() as folder:
        flow = Workflow("hello")
        flow.step(hello)
        with RunEngine.sync([flow], store=f"sqlite:///{folder}/runs.db") as engine:
            engine.run("hello")
        for run in range(runs + 1):
            for name, (command, _) in COMMANDS.items():
                seconds = command_s(command, folder, bytecode)
                if run:  # The first one writes the bytecode.
                    found[name].append(seconds)
    return found


def hello() -> str:
    """The only step of the run that `status` shows."""
    return "hello"


def measure(runs: int = RUNS) -> Section:
    """Time the imports in turns, then the commands."""
    found: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    with tempfile.TemporaryDirectory() as bytecode:
        for statement in IMPORTS:
            import_s(statement, bytecode)
        for run in range(runs):
            for statement in IMPORTS if run % 2 else reversed(IMPORTS):
                found[statement].append(import_s(statement, bytecode))
    rows = [
        [
            f"`{statement}`",
            times(min(seconds) / min(found[BASE])),
            times(median(seconds) / median(found[BASE])),
            f"{min(seconds) * 1e3:.0f}",
            f"{median(seconds) * 1e3:.0f}",
        ]
        for statement, seconds in found.items()
    ]
    started = commands(runs)
    starts = [
        [f"`{name}`", f"{min(seconds) * 1e3:.0f}", f"{median(seconds) * 1e3:.0f}"]
        for name, seconds in started.items()
    ]
    return Section(
        title="Import",
        method=METHOD,
        tables=[
            Table("", ["Import", "Ratio of best", "Ratio of medians", "Best, ms", "Median, ms"], rows),
            Table("", ["Command", "Best, ms", "Median, ms"], starts),
        ],
        goals=[
            Goal(
                "`from langgraph_runner import create_node` beside `import langgraph.graph`",
                min(found[OURS]) / min(found[BASE]),
                LIMIT,
                if_missed=WHY_SLOW,
            ),
            *(
                Goal(f"`{name}`, processor time", min(started[name]), limit, "s")
                for name, (_, limit) in COMMANDS.items()
            ),
        ],
    )
