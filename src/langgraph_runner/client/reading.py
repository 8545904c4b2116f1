"""`ClientReader`: the half of `RunClient` that reads. It changes nothing."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from langgraph_runner.client import bodies, wire
from langgraph_runner.client.errors import ForbiddenError, ServiceInvalidError, ServiceUnreachableError
from langgraph_runner.client.outputs import ServiceOutputs, result_step
from langgraph_runner.client.requesting import Asked, BrokenStream, EmptyAnswer, Patience
from langgraph_runner.client.sse import EventParser
from langgraph_runner.client.wire import run_path
from langgraph_runner.engine import checks
from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.engine.errors import ArtifactError
from langgraph_runner.engine.models import Run, RunEvent
from langgraph_runner.engine.reading.cursors import cursor_of, place_in_list
from langgraph_runner.engine.status import RunStatus
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow import ArtifactRef, StepStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
    from datetime import datetime

    from langgraph_runner.client.requesting import Requester
    from langgraph_runner.engine.models import RunStep
    from langgraph_runner.engine.reading.workers import WorkerOverview
    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.workflow import WorkflowRegistry
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["ClientReader"]

_ARTIFACT: Final = "one that get_run_artifacts() gives"
_PAGE: Final = 200
"""As many runs as the service lists at once."""
_WAIT_MS: Final = 20_000
"""How long the service holds one request for the end of a run."""
_MAX_SEQ: Final = 2**63 - 1
_LAST_EVENTS: Final = frozenset({"run_completed", "run_failed", "run_cancelled"})


class ClientReader:
    """The half of `RunClient` that reads.

    Args:
        requester: Sends the requests.
        workflows: Those whose outputs come back as their types.
        blocking: Makes the same client for the calling thread; what a `Run` reads of its outputs needs it.
    """

    def __init__(
        self, requester: Requester, workflows: WorkflowRegistry, blocking: Callable[[], ClientReader]
    ) -> None:
        self._requester = requester
        self._workflows = workflows
        self._outputs = ServiceOutputs(blocking)
        self._tenant: str | None = None

    async def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """A run, with the number of its steps by status.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        await self._check_tenant(tenant)
        return await self._run(Asked("GET", run_path(run_id)))

    async def get_run_steps(
        self,
        run_id: str,
        *,
        tenant: str = DEFAULT_TENANT,
        status: StepStatus | str | Iterable[str] | None = None,
    ) -> list[RunStep]:
        """The steps of a run in the workflow's order, all or those of a status.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: There is no such status.
        """
        await self._check_tenant(tenant)
        asked = checks.statuses(status, StepStatus)
        params = [("status", str(each)) for each in asked or ()]
        found = await self._requester.model(wire.STEPS, Asked("GET", run_path(run_id, "steps"), params))
        return [] if asked == [] else found

    async def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """What a step of a run has delivered: as its type if the client has the workflow, else as JSON values.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: It has no such step, or the step has delivered nothing.
        """
        data = await self.get_output_json(run_id, step, tenant=tenant)
        if self._workflows.list_workflows():
            workflow = (await self.get_run(run_id, tenant=tenant)).workflow
            known = {each.id: each for each in self._workflows.list_workflows()}
            if workflow in known:
                return known[workflow].steps[step].output.load(data)
        return from_json(data)

    async def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """The same as JSON.

        Raises:
            RunNotFoundError: The tenant has no such run.
            LookupError: It has no such step, or the step has delivered nothing.
        """
        await self._check_tenant(tenant)
        checks.of_kind(step, str, field="step", fix="the id of a step")
        answer = await self._requester.answer(Asked("GET", run_path(run_id, "steps", step, "output")))
        try:
            from_json(answer.data)
        except ValueError as error:
            detail = "its answer for an output is not JSON"
            raise ServiceInvalidError(url=self._requester.url, detail=detail) from error
        return answer.data

    async def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """The output of the workflow's `result` step, or of its only final step; see `get_output()`.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunFailedError: It has failed or was cancelled.
            RunStateError: It is not over.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The service does not have the workflow of the run.
        """
        run = (await self.get_run(run_id, tenant=tenant)).raise_for_status()
        return await self.get_output(
            run_id, result_step(await self.describe_workflow(run.workflow)), tenant=tenant
        )

    async def get_run_artifacts(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT
    ) -> dict[str, list[ArtifactRef]]:
        """The files of a run, by the step that has saved them. The `uri` of each is its address at the service.

        Raises:
            RunNotFoundError: The tenant has no such run.
        """
        await self._check_tenant(tenant)
        found: dict[str, list[ArtifactRef]] = {}
        for each in await self._requester.model(wire.ARTIFACTS, Asked("GET", run_path(run_id, "artifacts"))):
            uri = f"{self._requester.url}{each.href}"
            ref = ArtifactRef(each.name, uri, each.media_type, each.size, each.sha256)
            found.setdefault(each.step, []).append(ref)
        return found

    async def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """The content of a file of a tenant's run, checked against its hash.

        Raises:
            ArtifactError: The tenant has no such file, it is gone, or it is not what was kept.
        """
        await self._check_tenant(tenant)
        checks.of_kind(artifact, ArtifactRef, field="artifact", fix=_ARTIFACT)
        path = artifact.uri.removeprefix(self._requester.url)
        if not path.startswith("/runs/"):  # The key must go nowhere else.
            raise ArtifactError(name=artifact.name, problem=f"it is not of this service; give {_ARTIFACT}.")
        data = (await self._requester.answer(Asked("GET", path))).data
        if hashlib.sha256(data).hexdigest() != artifact.sha256:
            raise ArtifactError(name=artifact.name, problem="its content is not what was kept.")
        return data

    async def list_runs(
        self,
        *,
        tenant: str = DEFAULT_TENANT,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[str] | None = None,
        id_prefix: str | None = None,
        tags: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        base_run_id: str | None = None,
        failed_step: str | None = None,
        error_contains: str | None = None,
        limit: int = 50,
        before: Run | tuple[datetime, str] | None = None,
    ) -> list[Run]:
        """Runs of a tenant, the newest first.

        Args:
            tenant: Whose.
            workflow: Only of this workflow.
            status: Only with this status, or one of these.
            id_prefix: Only runs whose id begins with this text.
            tags: Only runs with all of these tags, such as `{"customer": "acme"}`.
            created_after: Only runs made at this time, which needs a time zone, or later.
            created_before: Only runs made before this time.
            base_run_id: Only runs that were rebuilt from this run, or retry it.
            failed_step: Only runs in which the step of this id failed.
            error_contains: Only runs whose error record (its code, type, message or stack) has this text; ASCII
                letters match in either case.
            limit: At most so many: 1 to 1,000. More than 200 take several requests.
            before: Only those that come after this one in the list: the last of the page before, or its
                `(created_at, id)`.

        Raises:
            ValueError: There is no such status, or the limit is out of its range.
        """
        await self._check_tenant(tenant)
        left = checks.whole(limit, 1, 1_000, field="limit")
        asked = checks.statuses(status, RunStatus)
        params = [("status", str(each)) for each in asked or ()]
        for name, text in (
            ("workflow", workflow),
            ("id_prefix", id_prefix or None),
            ("base_run_id", base_run_id),
            ("failed_step", failed_step),
            ("error_contains", error_contains),
        ):
            if text is not None:
                params.append((name, checks.text(text, checks.MAX_REASON, field=name)))
        for name, moment in (("created_after", created_after), ("created_before", created_before)):
            if moment is not None and checks.moment_ms(moment, field=name) is not None:
                params.append((name, moment.isoformat()))
        params += [wire.tag(name, value) for name, value in checks.tags(tags or {}).items()]
        place = place_in_list(before)
        cursor = None if place is None else cursor_of(*place)
        found: list[Run] = []
        while left and asked != []:
            page_params = [*params, ("limit", str(min(left, _PAGE)))]
            if cursor is not None:
                page_params.append(("cursor", cursor))
            page = await self._requester.model(wire.PAGES, Asked("GET", "/runs", page_params))
            found += [run.reading(self._outputs) for run in page.items]
            left -= len(page.items)
            cursor = page.next_cursor
            if cursor is None or not page.items:
                break
        return found

    async def get_workers(self, *, tenant: str = DEFAULT_TENANT) -> WorkerOverview:
        """The engines that run runs, in all processes of the service, and how many runs of all tenants wait.

        Args:
            tenant: The one of the API key.
        """
        await self._check_tenant(tenant)
        return await self._requester.model(wire.WORKERS, Asked("GET", "/workers"))

    async def describe_workflows(self) -> list[WorkflowDescription]:
        """The workflows that can be run, as plain values: steps, dependencies, changes, the schema of the inputs."""
        return await self._requester.model(wire.WORKFLOWS, Asked("GET", "/workflows"))

    async def describe_workflow(self, name: str) -> WorkflowDescription:
        """One workflow as plain values.

        Raises:
            UnknownWorkflowError: There is no workflow of this id.
        """
        return await self._requester.model(wire.WORKFLOW, Asked("GET", wire.workflow_path(name)))

    async def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Check inputs as `trigger()` does, and refuse fields that their model would drop. No run is made.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            WorkflowInputError: The inputs do not fit, or have a field that the model neither has nor allows.
        """
        path = f"{wire.workflow_path(workflow)}/check"
        await self._requester.answer(bodies.post(path, {"inputs": bodies.inputs_of(workflow, inputs)}))

    async def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run is over, wherever it runs. The service may be started again meanwhile.

        Raises:
            RunNotFoundError: The tenant has no such run.
            TimeoutError: It was not over in time. It goes on.
            StoreUnavailableError: The database of the service keeps the run from going on. The run goes on if the
                database comes back.
            ServiceUnreachableError: The service did not answer for `reconnect_ms`.
        """
        limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
        await self._check_tenant(tenant)
        clock = self._requester.transport.runtime
        deadline = None if limit_ms is None else clock.monotonic() + limit_ms / 1000
        while True:
            left_ms = _WAIT_MS if deadline is None else max(0.0, (deadline - clock.monotonic()) * 1000)
            wait_ms = int(min(left_ms, _WAIT_MS))
            patience = Patience(
                self._requester, at_least_s=self._requester.settings.reconnect_s, deadline=deadline
            )
            params = [("wait_ms", str(wait_ms))]
            try:
                run = await self._run(
                    Asked("GET", run_path(run_id), params, extra_s=wait_ms / 1000), patience
                )
            except ServiceUnreachableError as error:
                if deadline is not None and patience.is_late:
                    raise _not_over(run_id, limit_ms) from error
                raise
            if run.status.is_over:
                return run
            if deadline is not None and clock.monotonic() >= deadline:
                raise _not_over(run_id, limit_ms)

    async def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> AsyncGenerator[RunEvent, None]:
        """What happens in a run, as it happens, until it is over. A broken connection loses and repeats no event.

        Args:
            run_id: The run.
            tenant: Whose.
            after: Only events with a greater number: that of the last one that was seen.
            follow: Whether to wait for more; False ends with what is there.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: `after` is no number of an event.
            ServiceUnreachableError: The service did not answer for `reconnect_ms`.
        """
        checks.whole(after, 0, _MAX_SEQ, field="after")
        await self._check_tenant(tenant)
        patience = Patience(self._requester, at_least_s=self._requester.settings.reconnect_s)
        params = [] if follow else [("follow", "false")]
        is_ended = False
        while True:
            asked = Asked("GET", run_path(run_id, "events"), params, {"Last-Event-ID": str(after)})
            parser = EventParser()
            try:
                async with aclosing(self._requester.stream(asked, "text/event-stream")) as chunks:
                    async for chunk in chunks:
                        patience.restart()
                        for event in self._events_in(parser, chunk):
                            if event.seq > after:
                                after, is_ended = event.seq, event.type in _LAST_EVENTS
                                yield event
            except EmptyAnswer:
                return
            except BrokenStream as broken:
                await patience.wait_after(broken.failure, broken.retry_after_s)
                continue
            if is_ended or not follow:
                return
            # The service was stopped in an orderly way: go on at the next one.
            detail = "the event stream ended before the run was over"
            await patience.wait_after(ServiceUnreachableError(url=self._requester.url, detail=detail))

    def _events_in(self, parser: EventParser, chunk: bytes) -> list[RunEvent]:
        try:
            return [RunEvent.model_validate_json(data) for data in parser.feed(chunk)]
        except ValueError as error:
            detail = "its event stream cannot be read"
            raise ServiceInvalidError(url=self._requester.url, detail=detail) from error

    async def _run(self, asked: Asked, patience: Patience | None = None) -> Run:
        return (await self._requester.model(wire.RUN, asked, patience)).reading(self._outputs)

    async def _check_tenant(self, tenant: str) -> None:
        """Refuse a tenant that is not the one of the API key; the default stands for that one.

        Raises:
            ForbiddenError: It is another one.
        """
        if tenant == DEFAULT_TENANT:
            return
        checks.text(tenant, checks.MAX_TENANT, field="tenant")
        if self._tenant is None:
            self._tenant = (await self._requester.model(wire.CALLER, Asked("GET", "/caller"))).tenant
        if tenant != self._tenant:
            raise ForbiddenError(
                url=self._requester.url,
                detail=f"tenant: the API key belongs to tenant '{self._tenant}', not to '{tenant}';"
                " use a key of that tenant.",
                reason="FORBIDDEN",
                status=403,
            )


def _not_over(run_id: str, limit_ms: float | None) -> TimeoutError:
    return TimeoutError(f"Run '{run_id}' was not over within {limit_ms or 0:,.0f} ms; it goes on.")
