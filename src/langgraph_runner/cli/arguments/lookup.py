"""Find the run or the step that a user means: `last`, the beginning of an id, a misspelled step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.engine import RunNotFoundError
from langgraph_runner.errors.hints import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from langgraph_runner.cli.session import Backend

__all__ = ["NoRunsError", "check_step", "find_run"]

_LAST: Final = "last"
_MAX_CANDIDATES: Final = 5


class NoRunsError(RunNotFoundError):
    """The tenant has no runs, so there is no last one."""

    def __init__(self, *, tenant: str) -> None:
        super().__init__(run_id=_LAST)
        self.tenant = tenant

    def __str__(self) -> str:
        return f"Tenant '{self.tenant}' has no runs yet."


async def find_run(engine: Backend, run_id: str, tenant: str) -> str:
    """Return the id of a run.

    Args:
        engine: The engine or the client that has the run.
        run_id: Its id, the beginning of its id, or `last` for the newest run of the tenant.
        tenant: The tenant that owns the run.

    Returns:
        The whole id. If no id begins with `run_id`, `run_id` itself: the engine reports that there is no such run.

    Raises:
        NoRunsError: The tenant has no runs.
        CliError: Several ids begin with `run_id`.
    """
    if run_id == _LAST:
        newest = await engine.list_runs(tenant=tenant, limit=1)
        if not newest:
            raise NoRunsError(tenant=tenant)
        return newest[0].id
    runs = await engine.list_runs(tenant=tenant, id_prefix=run_id, limit=_MAX_CANDIDATES + 1)
    ids = [run.id for run in runs]
    if not ids or run_id in ids:
        return run_id
    if len(ids) == 1:
        return ids[0]
    candidates = ", ".join(f"{run.id} ({run.workflow} {run.status})" for run in runs[:_MAX_CANDIDATES])
    more = " and more" if len(ids) > _MAX_CANDIDATES else ""
    raise CliError(
        CliCode.RUN_AMBIGUOUS,
        f"Several run ids begin with '{run_id}': {candidates}{more}. Give more characters of the id.",
    )


def check_step(step: str, known: Collection[str]) -> None:
    """Refuse a step that the run does not have."""
    if step not in known:
        hint = did_you_mean(step, known) or f" Its steps: {', '.join(known)}."
        raise CliError(CliCode.STEP_NOT_FOUND, f"The run has no step '{step}'.{hint}")
