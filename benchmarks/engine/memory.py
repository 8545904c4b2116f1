"""How much memory a run with large outputs takes.

`python -m benchmarks engine_memory` measures it, in some seconds.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.report import Goal, Section, Table
from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import StepSources, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
STEPS = 150
SMALL = 2_000
LARGE = 2_000_000
LIMIT_MB = 30

METHOD = """
A chain of {steps} steps on a SQLite file. Each receives the text of the previous step and returns one of the same
length. The figure is the peak memory of a process that does nothing else, the median of {rounds} processes.
All outputs together are {total:,} MB in the second row.
"""


def measure(rounds: int = ROUNDS, steps: int = STEPS, large: int = LARGE) -> Section:
    """Measure both chains, each in its own process."""
    small_mb, large_mb = (median(_peak_mb(steps, size) for _ in range(rounds)) for size in (SMALL, large))
    rows = [
        [f"{SMALL:,}", f"{small_mb:,.0f}", ""],
        [f"{large:,}", f"{large_mb:,.0f}", f"+{large_mb - small_mb:,.0f}"],
    ]
    why = "the run keeps outputs in memory that no later step receives."
    return Section(
        "Memory of a run",
        METHOD.format(steps=steps, rounds=rounds, total=round(steps * large / 1e6)),
        [Table("", ["Bytes of an output", "Peak, MB", "More"], rows)],
        [Goal("MB more for large outputs", large_mb - small_mb, LIMIT_MB, if_missed=why)],
    )


def _peak_mb(steps: int, size: int) -> float:
    command = [sys.executable, "-m", __spec__.name, str(steps), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    return float(done.stdout)


def chain(steps: int, size: int) -> Workflow:
    """Return a chain of steps that pass on `size` letters."""
    flow = Workflow("bench.v1")

    def handed(number: int) -> Callable[[StepSources], dict[str, Any]]:
        return lambda sources: {"before": sources.outputs[f"s{number}"]}

    def made(number: int) -> Callable[[str], str]:
        return lambda before: f"{number:04}" + before[4:]

    flow.step(lambda inputs: "x" * size, id="s0", output=str)
    for number in range(1, steps):
        before = f"s{number - 1}"
        flow.step(
            made(number), id=f"s{number}", depends_on=[before], input_selector=handed(number - 1), output=str
        )
    return flow


async def _run(steps: int, size: int) -> None:
    async with RunEngine([chain(steps, size)], store=f"sqlite:///{sys.argv[3]}/runs.db") as engine:
        (await engine.run("bench.v1")).raise_for_status()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        sys.argv.append(folder)
        asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2])))
    # Not ru_maxrss, which a process inherits from its parent.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak[1]) / 1024 if peak else 0)
