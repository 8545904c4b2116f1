"""Several processes that write to one store: `many_writers.py <path> <processes> <checkpoints each>`."""

from __future__ import annotations

import os
import sys

from langgraph_runner.graph import JsonFileSaver


def work(saver: JsonFileSaver, worker: int, count: int) -> None:
    """Store checkpoints, and after each a write of a task to the checkpoint `0`."""
    shared = {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "0"}}
    for number in range(count):
        checkpoint = {
            "v": 4,
            "id": f"{worker}-{number:03}",
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": {"worker": worker},
            "channel_versions": {},
            "versions_seen": {},
            "updated_channels": None,
        }
        saver.put(shared, checkpoint, {}, {})
        saver.put_writes(shared, [("x", (worker, number))], f"task-{worker}-{number}")


def main(path: str, processes: str, count: str) -> int:
    """Fork the processes with a saver that is already in use, as a web server does. Return how many failed."""
    saver = JsonFileSaver(path)
    assert saver.get_tuple({"configurable": {"thread_id": "t"}}) is not None
    children = []
    for worker in range(int(processes)):
        child = os.fork()
        if child == 0:
            work(saver, worker, int(count))
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
