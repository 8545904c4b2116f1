"""Names as people give them: `last` or the beginning of an id for a run, a step with a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.engine import RunNotFoundError
from langgraph_runner.errors.hints import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from langgraph_runner.cli.session import Backend


__all__ = ["NoRunsError", "check_step", "found_run"]

_LAST: Final = "last"
_MAX_CANDIDATES: Final = 5


class NoRunsError(RunNotFoundError):
    """The tenant has no runs, so there is no last one.

    Attributes:
        tenant: Whose runs were asked for.
    """

    def __init__(self, *, tenant: str) -> None:
        super().__init__(run_id=_LAST)
        self.tenant = tenant

    def __str__(self) -> str:
        return f"Tenant '{self.tenant}' has no runs yet."


async def found_run(engine: Backend, run_id: str, tenant: str) -> str:
    """The id of a run.

    Args:
        engine: Has the run.
        run_id: Its id, or the beginning of its id, or `last` for the newest run of the tenant.
        tenant: Whose run it is.

    Returns:
        The whole id. What no run's id begins with comes back as it is: the engine says that there is no such run.

    Raises:
        NoRunsError: The tenant has no runs.
        CliError: The ids of several runs begin with `run_id`.
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
    if len(ids) > 1:
        more = " and more" if len(ids) > _MAX_CANDIDATES else ""
        named = ", ".join(f"{run.id} ({run.workflow} {run.status})" for run in runs[:_MAX_CANDIDATES])
        raise CliError(
            CliCode.RUN_AMBIGUOUS, f"Several runs begin with '{run_id}': {named}{more}. Give more of the id."
        )
    return ids[0]


def check_step(step: str, known: Collection[str]) -> None:
    """Refuse a step that is not there.

    Raises:
        CliError: It is not.
    """
    if step not in known:
        hint = did_you_mean(step, known) or f" It has: {', '.join(known)}."
        raise CliError(CliCode.STEP_NOT_FOUND, f"The run has no step '{step}'.{hint}")
