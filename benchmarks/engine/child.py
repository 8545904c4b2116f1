"""The side of a process of its own: takes loads from standard input, and answers with what each turn took.

One line of JSON each. Whatever else is printed goes to standard error. Standard library only.
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
    """Carry loads until there are no more. The first argument of the process is a folder for files."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Child processes and loggers inherit a standard output that cannot be taken for an answer.
    folder = Path(sys.argv[1])

    async def main() -> None:
        print("ready", file=answers, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            load = Load.of(json.loads(line))
            turn = await take_turn(frozen(opens) if load.has_ticker else opens, load, folder)
            print(json.dumps(asdict(turn)), file=answers, flush=True)

    asyncio.run(main())
