"""The position of a run in a list of runs: as a time and an id, and as the text of a cursor for the service."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from langgraph_runner.engine import checks
from langgraph_runner.engine.models import RunSummary, at

__all__ = ["cursor_after", "cursor_of", "place_in_list", "place_of"]


def place_in_list(before: Any) -> tuple[int, str] | None:
    """Return the argument of `list_runs(before=...)` as milliseconds since 1970 and an id; None for None.

    Raises:
        TypeError: It is neither a run nor a pair of a time and an id.
        ValueError: The time has no time zone.
    """
    match before:
        case None:
            return None
        case RunSummary(created_at=created_at, id=run_id) | (datetime() as created_at, str(run_id)):
            return checks.moment_ms(created_at, field="before") or 0, run_id
        case _:
            fix = "give the last Run of the page before, or its (created_at, id)"
            raise TypeError(f"before must be of type Run, got {type(before).__name__}; {fix}.")


def cursor_of(created_ms: int, run_id: str) -> str:
    """Return the cursor of the page that begins after this run."""
    return base64.urlsafe_b64encode(f"{created_ms}.{run_id}".encode()).decode().rstrip("=")


def cursor_after(run: RunSummary) -> str:
    """Return the cursor of the page that begins after a run."""
    return cursor_of(checks.moment_ms(run.created_at, field="created_at") or 0, run.id)


def place_of(cursor: str) -> tuple[datetime, str]:
    """Return the `created_at` and the `id` that a cursor encodes.

    Raises:
        ValueError: It is not a cursor.
    """
    try:
        data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"==")
        ms, _, run_id = data.decode("ascii").partition(".")
        if run_id.isalnum():
            return at(int(ms)), run_id
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError("it is not a cursor.")
