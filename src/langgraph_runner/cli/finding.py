"""Names as people give them: `last` for a run, a step with a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.engine import RunNotFoundError
from langgraph_runner.errors.hints import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from langgraph_runner.engine import RunEngine

__all__ = ["NoRunsError", "check_step", "found_run"]

_LAST = "last"


class NoRunsError(RunNotFoundError):
    """The tenant has no runs, so none is the last.

    Attributes:
        tenant: Whose runs were asked for.
    """

    def __init__(self, *, tenant: str) -> None:
        super().__init__(run_id=_LAST)
        self.tenant = tenant

    def __str__(self) -> str:
        return f"Tenant '{self.tenant}' has no runs yet."


async def found_run(engine: RunEngine, run_id: str, tenant: str) -> str:
    """The id of a run; `last` is the newest of the tenant.

    Raises:
        NoRunsError: The tenant has none.
    """
    if run_id != _LAST:
        return run_id
    newest = await engine.list_runs(tenant=tenant, limit=1)
    if not newest:
        raise NoRunsError(tenant=tenant)
    return newest[0].id


def check_step(step: str, known: Collection[str]) -> None:
    """Refuse a step that is not there.

    Raises:
        CliError: It is not.
    """
    if step not in known:
        hint = did_you_mean(step, known) or f" It has: {', '.join(known)}."
        raise CliError(CliCode.STEP_NOT_FOUND, f"The run has no step '{step}'.{hint}")
