"""Print the files of the package that one call passes through: `python tools/call_path.py`.

docs/architecture.md describes two such paths: a node call, and a durable run of one step. A hop is a call or a
return that leads from one file to another.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import langgraph_runner
from langgraph_runner import NodeMetricsCollector, RunEngine, Workflow, create_node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PACKAGE = Path(langgraph_runner.__file__).parent


class CallPath:
    """The files that calls pass through, in the order of their first call."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        """Each file, with its number of calls."""
        self.hops = 0
        self._last_file: dict[int, str] = {}
        """The file that each thread was in last."""

    def record(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Record an event of `sys.setprofile()`."""
        path = Path(frame.f_code.co_filename)
        if event not in {"call", "return"} or not path.is_relative_to(PACKAGE):
            return
        file = str(path.relative_to(PACKAGE))
        thread = threading.get_ident()
        if self._last_file.get(thread, file) != file:
            self.hops += 1
        self._last_file[thread] = file
        if event == "call":
            self.files[file] = self.files.get(file, 0) + 1


@contextmanager
def recorded() -> Iterator[CallPath]:
    """Record the calls of this thread, and of threads that start within the block."""
    path = CallPath()
    threading.setprofile(path.record)
    sys.setprofile(path.record)
    try:
        yield path
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] # typeshed does not know that None ends it


async def answer(_state: dict[str, Any]) -> dict[str, Any]:
    """A node's function."""
    return {"answer": 42}


async def node_call() -> CallPath:
    """One success of a node with retry, breaker and collector, awaited. The first call is not recorded."""
    node = create_node(
        answer, name="answer", retry=3, circuit_breaker={}, metrics_collector=NodeMetricsCollector()
    )
    await node({})
    with recorded() as path:
        await node({})
    return path


async def durable_run() -> CallPath:
    """One run of a workflow of one step, from `run()` to its end, with the threads of the store."""
    workflow = Workflow("one.v1")
    workflow.step(lambda inputs: inputs["n"], id="step", output=int, effects=False)
    with recorded() as path:
        sys.setprofile(None)
        async with RunEngine([workflow], store="sqlite://") as engine:
            await engine.run("one.v1", {"n": 1})
            path.files.clear()
            path.hops = 0
            sys.setprofile(path.record)
            await engine.run("one.v1", {"n": 2})
            sys.setprofile(None)
    return path


def main() -> None:
    """Print both paths."""
    for title, path in (
        ("A node call", asyncio.run(node_call())),
        ("A durable run of one step", asyncio.run(durable_run())),
    ):
        print(f"{title}: {len(path.files)} files, {sum(path.files.values())} calls, {path.hops} hops")
        for file, calls in path.files.items():
            print(f"  {calls:4} {file}")


if __name__ == "__main__":
    main()
