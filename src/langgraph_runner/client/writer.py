"""`ClientWriter`: the half of `RunClient` that starts and ends runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Unpack

from langgraph_runner.client import wire
from langgraph_runner.client.reader import ClientReader
from langgraph_runner.client.wire import run_path
from langgraph_runner.engine import checks
from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.engine.options import TriggerOptions
from langgraph_runner.errors.hints import refuse_unknown_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langgraph_runner.engine.models import Run, RunPlan
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import ChangeRequest, FailureMode

__all__ = ["ClientWriter"]

_HEADER_TEXT: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class ClientWriter(ClientReader):
    """The half of `RunClient` that starts and ends runs, over the half that reads. The parameters are the same."""

    async def trigger(
        self,
        workflow: str,
        inputs: Any = None,
        *,
        tenant: str = DEFAULT_TENANT,
        idempotency_key: str | None = None,
        priority: int = 0,
        failure_mode: FailureMode = "continue",
        max_concurrency: int | None = None,
        run_timeout_ms: TimeoutLike | None = None,
        force: Iterable[str] = (),
        use_cache: bool = True,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Run:
        """Create a run, which the service runs. The run is durable when this returns.

        Args:
            workflow: The id of the workflow.
            inputs: The inputs as a value of their model, or as JSON values. They are checked first.
            tenant: The tenant that owns the run.
            idempotency_key: Reusing a key for an equal call returns the existing run; a call that differs is refused.
                None makes a key for this call, so that a lost response does not lead to a second run.
            priority: Waiting runs start in order of priority, the highest first.
            failure_mode: What a failed step does to branches that do not depend on it: `continue` or `fail_fast`.
            max_concurrency: How many steps of the run may run at once, at least 1; None for the limit of the engine.
            run_timeout_ms: The time limit of the whole run from its start, in ms; None for no limit.
            force: Ids of steps that run even if their results are cached.
            use_cache: False runs every step, as if the cache were empty. New results are cached nevertheless.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256 characters.
            metadata: JSON values that are stored with the run, up to 16 KB.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs do not fit. No run was created.
            IdempotencyConflictError: The key was used before, for another request.
            ValueError: An option is out of its range.
        """
        checks.of_kind(workflow, str, field="workflow", fix="the id of a workflow of the service")
        options = TriggerOptions(
            tenant=tenant,
            idempotency_key=idempotency_key,
            priority=priority,
            failure_mode=failure_mode,
            max_concurrency=max_concurrency,
            run_timeout_ms=run_timeout_ms,
            force=force,
            use_cache=use_cache,
            tags=tags,
            metadata=metadata,
        )
        body = {"workflow": workflow, "inputs": wire.inputs_body(workflow, inputs)}
        return await self._create("/runs", body, options)

    async def run(
        self,
        workflow: str,
        inputs: Any = None,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Call `trigger()`, then `wait()`. A failed run is returned, unless `raise_on_failure` is True.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="run()")
        return await self._wait_for(await self.trigger(workflow, inputs, **options), raise_on_failure)

    async def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Create a run that differs from a completed run by `change`. Steps that it does not affect are reused.

        Args:
            base_run_id: A completed run. It stays as it is.
            change: A change that the workflow declares.
            **options: The options of `trigger()`. Options that are not given are those of the base run.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run is not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload does not fit.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_update()")
        return await self._create(
            run_path(base_run_id, "update"), {"change": wire.change_body(change)}, options
        )

    async def update(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """Call `trigger_update()`, then `wait()`; `raise_on_failure` as in `run()`."""
        return await self._wait_for(
            await self.trigger_update(base_run_id, change, **options), raise_on_failure
        )

    async def plan(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        tenant: str = DEFAULT_TENANT,
        force: Iterable[str] = (),
        use_cache: bool = True,
    ) -> RunPlan:
        """Return what `update()` would do with each step, and why. Nothing runs, nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run is not completed.
            ChangeRequestError: The workflow does not declare the change, or the payload does not fit.
        """
        await self._check_tenant(tenant)
        checks.of_kind(use_cache, bool, field="use_cache", fix="True or False")
        body = {"change": wire.change_body(change), "force": wire.force_body(force), "use_cache": use_cache}
        return await self._requester.model(wire.PLAN, wire.post(run_path(base_run_id, "plan"), body))

    async def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run from where it stopped, as a new run. Finished steps are reused.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: The run has neither failed nor been cancelled.
            WorkflowInputError: The inputs of the run do not fit the workflow as it is now. No run was created.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_retry()")
        return await self._create(run_path(run_id, "retry"), {}, options)

    async def retry(
        self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Call `trigger_retry()`, then `wait()`; `raise_on_failure` as in `run()`."""
        return await self._wait_for(await self.trigger_retry(run_id, **options), raise_on_failure)

    async def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Cancel a run for good. Running steps get the abort signal; the other steps are cancelled.

        A run that has ended stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: The reason is not text of 1 to 2,000 characters.
        """
        await self._check_tenant(tenant)
        reason = checks.text(reason or "cancelled", checks.MAX_REASON, field="reason")
        return await self._run(wire.post(run_path(run_id, "cancel"), {"reason": reason}))

    async def _create(self, path: str, body: dict[str, Any], options: TriggerOptions) -> Run:
        """Send a request that creates a run. Its idempotency key keeps a retry from creating a second run."""
        await self._check_tenant(options.get("tenant", DEFAULT_TENANT))
        key = options.get("idempotency_key")
        if key is None:
            key = f"client-{self._requester.transport.runtime.token_hex(16)}"
        elif not _HEADER_TEXT.fullmatch(checks.text(key, checks.MAX_KEY, field="idempotency_key")):
            raise ValueError(
                f"idempotency_key must be printable ASCII without blanks at its ends, as it is sent as a header, got"
                f" {key!r:.80}."
            )
        request = wire.post(path, {**body, **wire.options_body(options)}, {"Idempotency-Key": key})
        return await self._run(request)

    async def _wait_for(self, run: Run, raise_on_failure: bool) -> Run:
        ended = run if run.status.is_over else await self.wait(run.id)
        return ended.raise_for_status() if raise_on_failure else ended
