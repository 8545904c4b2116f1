"""`StepRunner`: runs one step of a run through the node pipeline, and returns its outcome."""

from __future__ import annotations

import asyncio
import json
from functools import cached_property, partial
from typing import TYPE_CHECKING

from langgraph_runner.engine.artifacts.files import StepArtifacts
from langgraph_runner.engine.run.ledger import cancelled
from langgraph_runner.engine.run.slots import HELD_SLOT, Slot
from langgraph_runner.engine.store.records import StepChange
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.record import build_error_record
from langgraph_runner.node import Success, runner_config
from langgraph_runner.workflow import Reason, StepContext, StepStatus
from langgraph_runner.workflow.calling import ON_RETRY
from langgraph_runner.workflow.user_code import may_be_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.run.results import Results
    from langgraph_runner.engine.store.records import RunRow, Start
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import AbortSignal, Failure, RetryAttempt
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.calling import StepOutput

__all__ = ["StepRunner"]


class StepRunner:
    """Runs the steps of one claimed run. Belongs to one event loop.

    Args:
        host: What runs share.
        blueprint: The workflow.
        run: The run.
        fence: The token of the claim.
        signal: The abort signal of the run.
        stop_reason: Returns why steps are cancelled, once the signal has fired.
        on_retry: Called before a step is tried again.
    """

    def __init__(
        self,
        host: Host,
        blueprint: Blueprint,
        run: RunRow,
        *,
        fence: int,
        signal: AbortSignal,
        stop_reason: Callable[[], Reason],
        on_retry: Callable[[str, RetryAttempt], None],
    ) -> None:
        self._host = host
        self._blueprint = blueprint
        self._run = run
        self._fence = fence
        self._signal = signal
        self._stop_reason = stop_reason
        self._on_retry = on_retry
        self._retried: dict[str, int] = {}
        """How many attempts of a step have failed so far."""
        self.begun: set[str] = set()
        """Steps that have a slot: their abort signal stops them. Others are cancelled."""

    async def run(self, start: Start, results: Results, *, fence: int | None = None) -> StepChange:
        """Run a step once there is a slot; a failure is a result, too. Call it in a task of its own.

        Args:
            start: The step.
            results: The outputs of other steps.
            fence: The fencing token of the step; None for that of the run.

        Raises:
            sqlalchemy.exc.DBAPIError: The inputs of the step cannot be read.
        """
        name, key = start.step, start.cache_key
        step = self._blueprint.steps[name]
        async with Slot(self._host.slots, self._run.tenant) as slot:
            self.begun.add(name)
            ON_RETRY.set(partial(self._retrying, name))
            HELD_SLOT.set(slot)
            artifacts = StepArtifacts(self._host.artifacts)
            context = StepContext(
                run_id=self._run.id,
                workflow=self._blueprint.id,
                step=name,
                tenant=self._run.tenant,
                sink=artifacts,
                fencing_token=self._fence if fence is None else fence,
            )
            await results.fetch(step)
            try:
                outcome = await step.run(await results.call(step, context), self._config)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                # A stored output no longer fits its type, or the step called interrupt().
                return self.failed(name, error, attempts=1)
            except BaseException as error:
                if step.needs_loop and may_be_ctrl_c(error):  # A blocking step runs in a thread of its own.
                    raise
                # It would end this process, and then each further owner of the run.
                ended = RuntimeError(f"The step raised {type(error).__name__}, which is not an Exception.")
                return self.failed(name, ended, attempts=self._retried.get(name, 0) + 1)
        if not isinstance(outcome, Success):
            return self._change_of_failure(name, outcome)
        delivered: StepOutput = outcome.value["output"]
        # The output of a fallback counts for this run only, and is not cached.
        is_kept = key is not None and not outcome.fallback_used
        ttl_s = step.spec.cache_ttl_s
        return StepChange(
            step=name,
            status=StepStatus.COMPLETED,
            reason=Reason.FALLBACK if outcome.fallback_used else None,
            input_hash=start.input_hash,
            code_version=start.code_version,
            cache_key=key,
            attempts=outcome.attempts,
            output=delivered.data,
            output_ref=delivered.ref,
            error=None if outcome.primary_record is None else json.dumps(outcome.primary_record),
            started_ago_ms=outcome.duration_ms,
            duration_ms=outcome.duration_ms,
            artifacts=artifacts.of(outcome),
            cache_scope=str(step.cache) if is_kept else None,
            cache_ttl_ms=None if ttl_s is None else round(ttl_s * 1000),
        )

    def _retrying(self, step: str, retry: RetryAttempt) -> None:
        self._retried[step] = retry.attempt
        self._on_retry(step, retry)

    def failed(self, step: str, error: BaseException, *, attempts: int) -> StepChange:
        """Return the change of a step that failed outside its node."""
        return _failed(step, self.record_of(error, step), attempts=attempts)

    def record_of(self, error: BaseException, step: str | None = None) -> NodeErrorRecord:
        """Return the error record of a step, or of the run itself."""
        runtime = self._host.runtime
        record = build_error_record(
            error,
            node_id=step or self._blueprint.id,
            attempts=1,
            trace_id=runtime.token_hex(16),
            timestamp=runtime.now_utc(),
            error_id=runtime.token_hex(8),
            story_id=self._run.id,
        )
        if step is None:  # The text was written for a node.
            record["message"] = record["message"].replace(f"Node '{self._blueprint.id}'", "The run", 1)
        return record

    def _change_of_failure(self, step: str, failure: Failure) -> StepChange:
        if failure.record["code"] == ErrorCode.NODE_CANCELLED and self._signal.aborted:
            return cancelled(
                step, self._stop_reason(), attempts=failure.attempts, duration_ms=failure.duration_ms
            )
        return _failed(step, failure.record, attempts=failure.attempts, duration_ms=failure.duration_ms)

    @cached_property
    def _config(self) -> RunnableConfig:
        """The config of every step of the run."""
        return runner_config(
            abort_signal=self._signal,
            metrics_collector=self._host.collector,
            spans=self._host.spans,
            story_id=self._run.id,
            graph_execution_id=self._run.id,
            runtime=self._host.given_runtimes,
        )


def _failed(
    step: str, record: NodeErrorRecord, *, attempts: int, duration_ms: float | None = None
) -> StepChange:
    return StepChange(
        step=step,
        status=StepStatus.FAILED,
        attempts=attempts,
        error=json.dumps(record),
        started_ago_ms=duration_ms,
        duration_ms=duration_ms,
    )
