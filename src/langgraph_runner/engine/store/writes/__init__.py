"""Everything that changes the database, as writes for the `GroupWriter`. None of them commits: the writer does.

Every write of a running run is conditional on its fencing token, which grows at each claim: whoever was taken for
dead and comes back holds an old one, and is refused (Kleppmann, How to do distributed locking, 2016). Time is the
database's, so the clocks of processes do not matter.
"""

from langgraph_runner.engine.store.writes.advancing import Advanced, AdvanceRun
from langgraph_runner.engine.store.writes.claiming import (
    SUSPECT_FROM,
    Claimed,
    ClaimRun,
    Heartbeat,
    ReleaseRuns,
)
from langgraph_runner.engine.store.writes.creating import Created, CreateRun
from langgraph_runner.engine.store.writes.ending import (
    CancelRun,
    CheckTables,
    DeleteUnusedOutputs,
    FilesInUse,
    Prune,
)

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
    "DeleteUnusedOutputs",
    "FilesInUse",
    "Heartbeat",
    "Prune",
    "ReleaseRuns",
]
