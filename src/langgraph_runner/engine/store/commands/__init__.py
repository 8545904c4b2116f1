"""Everything that changes the database, as writes for the `GroupWriter`, which commits them. Reads are in `queries/`.

Every write of a running run depends on its fencing token, which grows with each claim. A process that was taken for
dead and comes back holds an old token, and its writes are refused (Kleppmann, How to do distributed locking, 2016).
All times are those of the database, so the clocks of processes do not matter.
"""

from langgraph_runner.engine.store.commands.advance import Advanced, AdvanceRun
from langgraph_runner.engine.store.commands.claim import (
    SUSPECT_FROM,
    Claimed,
    ClaimRun,
    Heartbeat,
    ReleaseRuns,
)
from langgraph_runner.engine.store.commands.retention import (
    DeleteRuns,
    DeleteUnusedOutputs,
    FilesInUse,
    Prune,
    RestoreRuns,
)
from langgraph_runner.engine.store.commands.runs import CancelRun, Created, CreateRun
from langgraph_runner.engine.store.commands.workers import CheckTables

__all__ = [
    "SUSPECT_FROM",
    "AdvanceRun",
    "Advanced",
    "CancelRun",
    "CheckTables",
    "ClaimRun",
    "Claimed",
    "CreateRun",
    "Created",
    "DeleteRuns",
    "DeleteUnusedOutputs",
    "FilesInUse",
    "Heartbeat",
    "Prune",
    "ReleaseRuns",
    "RestoreRuns",
]
