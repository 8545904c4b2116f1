"""`BaseRun`: a run from which an update or a retry is derived, and the steps that the new run reuses."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from langgraph_runner.engine import checks
from langgraph_runner.engine.errors import RunStateError
from langgraph_runner.engine.logs import log_event
from langgraph_runner.engine.models import RunStatus
from langgraph_runner.engine.options import RunOptions
from langgraph_runner.engine.run.results import Results
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.records import NewRun
from langgraph_runner.workflow import ChangeRequest
from langgraph_runner.workflow.changes import impact_of
from langgraph_runner.workflow.scheduler import DELIVERING, Reason, StepStatus
from langgraph_runner.workflow.values.off_loop import LARGE_BYTES, is_large, read_json, run_off_loop

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.changes import Impact
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["BaseRun", "Reuse"]

_WAIT: Final = "wait for its end, or resume it if its process has died"
_AT_A_TIME: Final = 500
"""How many steps are checked before the event loop gets a turn: some milliseconds."""


class Reuse(NamedTuple):
    """The steps that a run reuses from its base."""

    steps: frozenset[str]
    refused: dict[str, str]
    """Steps that are not reused although the change does not affect them, with the reason."""
    results: Results
    """The results of the new run so far: its inputs, and the reused outputs."""

    def log_refused(self, run: NewRun) -> None:
        """Log each step that runs again although the change does not affect it, such as one whose code changed."""
        for step, why in self.refused.items():
            log_event(
                logging.INFO,
                "step.not_reused",
                run_id=run.id,
                tenant=run.tenant,
                step=step,
                why=why,
            )


class BaseRun:
    """A run from which another one is derived.

    Args:
        host: What runs share.
        blueprint: The current workflow.
        row: The row of the run.
    """

    def __init__(self, host: Host, blueprint: Blueprint, row: RunRow) -> None:
        self._host = host
        self.blueprint = blueprint
        self.row = row

    async def impact(self, change: ChangeRequest, force: Iterable[str] = ()) -> Impact:
        """Return which steps a change affects. The steps `force` run in any case.

        Raises:
            TypeError: `change` is not a `ChangeRequest`.
            RunStateError: The run has not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload is not valid.
        """
        checks.of_kind(change, ChangeRequest, field="change", fix="ChangeRequest(type, payload)")
        forced = frozenset(checks.steps(force, self.blueprint, field="force"))
        if self.row.status != RunStatus.COMPLETED:
            is_over = RunStatus(self.row.status).is_over
            raise RunStateError(
                run_id=self.row.id,
                status=self.row.status,
                problem=f"only a completed run can be updated; {'retry it first' if is_over else _WAIT}.",
            )
        if len(self.row.inputs) > LARGE_BYTES or is_large(change.payload):
            return await run_off_loop(impact_of, self.blueprint, change, self.row.inputs, forced)
        return impact_of(self.blueprint, change, self.row.inputs, forced)

    def check_retry(self) -> None:
        """Raise if the run cannot be retried.

        Raises:
            RunStateError: The run has neither failed nor been cancelled.
        """
        if self.row.status not in {RunStatus.FAILED, RunStatus.CANCELLED}:
            is_over = RunStatus(self.row.status).is_over
            problem = "there is nothing to retry." if is_over else f"{_WAIT}."
            raise RunStateError(run_id=self.row.id, status=self.row.status, problem=problem)

    async def reuse(
        self, inputs: bytes, touched: frozenset[str] = frozenset(), *, checks_files: bool = True
    ) -> Reuse:
        """Return which steps a new run can reuse if the steps `touched` run again.

        A step is reused only if its input hash, which includes the version of its code, is the same as in this run.
        A step runs again if it ran without one of its dependencies, if a dependency is new, or if its code changed.

        Args:
            inputs: The inputs of the new run.
            touched: The steps that a change affects.
            checks_files: Whether steps with missing or damaged files run again. False for a process that runs no
                steps, because the files may be on another machine.

        Raises:
            WorkflowInputError: The inputs are not valid for the current workflow.
        """
        store, tenant, run_id = self._host.store, self.row.tenant, self.row.id
        again, refused = {*self.blueprint.dag.downstream(touched)}, dict[str, str]()
        rows = {row.step: row for row in await store.read(queries.steps_of, tenant, run_id)}
        files = await store.read(queries.run_artifacts, tenant, run_id) if checks_files else {}
        lost = {
            step
            for step, of_step in files.items()
            if step not in again and not await self._host.artifacts.has_all(of_step)
        }
        inputs_read = await read_json(self.blueprint.inputs.load, inputs)
        results = Results(store, self.blueprint, self.row._replace(inputs=inputs), inputs_read)
        for number, step in enumerate(self.blueprint.dag.order):
            bound = self.blueprint.steps[step]
            if step in again:
                pass
            elif not again.isdisjoint(bound.dependencies):
                again.add(step)
            else:
                why = await _why_not_reused(results, bound, rows.get(step), lost)
                if why is None:
                    results.note(step, rows[step].output_ref)
                else:
                    refused[step] = why
                    again.add(step)
            if number % _AT_A_TIME == 0:
                await self._host.runtime.sleep(0, None)
        return Reuse(frozenset(self.blueprint.steps) - again, refused, results)

    def derive(
        self,
        run_id: str,
        *,
        trigger: str,
        inputs: bytes,
        reuse: Reuse,
        change: ChangeRequest | None = None,
        idempotency_key: str | None = None,
        priority: int | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> NewRun:
        """Return the derived run. It inherits the options that are not given.

        Raises:
            ValueError: An option is out of its range.
        """
        kept = RunOptions.of(**{**json.loads(self.row.options), **options})
        request = None if change is None else {"type": change.type, "payload": dict(change.payload)}
        return NewRun(
            id=run_id,
            root_run_id=self.row.root_run_id,
            tenant=self.row.tenant,
            workflow=self.blueprint.id,
            version=self.blueprint.spec.version,
            trigger=trigger,
            inputs=inputs,
            options=kept.dump(),
            steps=tuple(self.blueprint.steps),
            base_run_id=self.row.id,
            change_request=None if request is None else json.dumps(request),
            idempotency_key=idempotency_key,
            priority=self.row.priority if priority is None else priority,
            tags=json.loads(self.row.tags or "{}") if tags is None else checks.tags(tags),
            metadata=self.row.metadata if metadata is None else checks.metadata(metadata),
            reused_from=self.row.id,
            reused=reuse.steps,
        )


async def _why_not_reused(
    results: Results, step: BoundStep, row: StepRow | None, lost: Container[str]
) -> str | None:
    """Return why a step cannot be reused; None if it can."""
    if row is None:
        return "the base run does not have this step"
    if row.output_ref is None or (row.status != StepStatus.COMPLETED and row.reason not in DELIVERING):
        return "it has no output in the base run"
    if row.reason == Reason.FALLBACK:
        return "its output in the base run is that of its fallback"
    if step.id in lost:
        return "one of its files is missing or damaged"
    if row.code_version is not None and row.code_version != step.version:
        return f"its {'code' if step.spec.version is None else 'version'} changed"
    if not await _receives_the_same(results, step, row):
        return "its input changed"
    return None


async def _receives_the_same(results: Results, step: BoundStep, row: StepRow) -> bool:
    try:
        return await results.input_hash(step) == row.input_hash
    except SQLAlchemyError:  # The database has failed, not the step.
        raise
    except Exception:  # A selector may fail. The step will then fail, too, with this error.
        return False
