"""A contender in its own process: it reads loads from standard input, and writes the times of each turn.

Each message is one line of JSON. Other output goes to standard error. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engine.turns import Load, frozen, take_turn

if TYPE_CHECKING:
    from benchmarks.engine.turns import Opens


def serve(opens: Opens) -> None:
    """Run loads until standard input ends. The first argument of the process is a folder for files."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Output of loggers and child processes must not mix with the answers.
    folder = Path(sys.argv[1])

    async def main() -> None:
        print("ready", file=answers, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            load = Load.of(json.loads(line))
            turn = await take_turn(frozen(opens) if load.has_ticker else opens, load, folder)
            print(json.dumps(asdict(turn)), file=answers, flush=True)

    asyncio.run(main())
