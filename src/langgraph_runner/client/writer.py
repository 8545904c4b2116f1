"""`ClientWriter`: the half of `RunClient` that starts and ends runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Unpack

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

        The arguments and errors are those of `RunEngine.trigger()`. Without an `idempotency_key` the client makes one
        for this call, so that a lost response does not lead to a second run.
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
        """Call `trigger()`, then `wait()`. See `RunEngine.run()`."""
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="run()")
        return await self._wait_for(await self.trigger(workflow, inputs, **options), raise_on_failure)

    async def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Create a run that differs from a completed run by `change`. See `RunEngine.trigger_update()`."""
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
        """Call `trigger_update()`, then `wait()`. See `RunEngine.update()`."""
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
        """Return what `update()` would do with each step, and why. See `RunEngine.plan()`."""
        await self._check_tenant(tenant)
        checks.of_kind(use_cache, bool, field="use_cache", fix="True or False")
        body = {"change": wire.change_body(change), "force": wire.force_body(force), "use_cache": use_cache}
        return await self._requester.model(wire.PLAN, wire.post(run_path(base_run_id, "plan"), body))

    async def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run as a new run. See `RunEngine.trigger_retry()`."""
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_retry()")
        return await self._create(run_path(run_id, "retry"), {}, options)

    async def retry(
        self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Call `trigger_retry()`, then `wait()`. See `RunEngine.retry()`."""
        return await self._wait_for(await self.trigger_retry(run_id, **options), raise_on_failure)

    async def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Cancel a run for good. See `RunEngine.cancel()`."""
        await self._check_tenant(tenant)
        reason = checks.text(reason or "cancelled", checks.MAX_REASON, field="reason")
        return await self._run(wire.post(run_path(run_id, "cancel"), {"reason": reason}))

    async def _create(self, path: str, body: dict[str, Any], options: TriggerOptions) -> Run:
        """Send a request that creates a run. Its idempotency key keeps a retry from creating a second run."""
        await self._check_tenant(options.get("tenant", DEFAULT_TENANT))
        key = options.get("idempotency_key")
        if key is None:
            key = f"client-{self._requester.transport.runtime.token_hex(16)}"
        elif not re.fullmatch(checks.HEADER_TEXT, checks.text(key, checks.MAX_KEY, field="idempotency_key")):
            raise ValueError(
                f"idempotency_key must be printable ASCII without blanks at its ends, as it is sent as a header, got"
                f" {key!r:.80}."
            )
        request = wire.post(path, {**body, **wire.options_body(options)}, {"Idempotency-Key": key})
        return await self._run(request)

    async def _wait_for(self, run: Run, raise_on_failure: bool) -> Run:
        ended = run if run.status.is_over else await self.wait(run.id)
        return ended.raise_for_status() if raise_on_failure else ended
