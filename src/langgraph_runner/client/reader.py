"""`ClientReader`: the half of `RunClient` that only reads."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic_core import from_json

from langgraph_runner.client import wire
from langgraph_runner.client.errors import ForbiddenError, ServiceInvalidError, ServiceUnreachableError
from langgraph_runner.client.requester import ApiRequest, NoContent, RetryBudget, StreamBroken
from langgraph_runner.client.responses import EventParser
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
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from datetime import datetime

    from langgraph_runner.client.requester import Requester
    from langgraph_runner.engine.models import RunStep, RunSummary
    from langgraph_runner.engine.outputs import OutputSource
    from langgraph_runner.engine.reading.workers import WorkerOverview
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import WorkflowRegistry
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["ClientReader", "result_step"]

_ARTIFACT: Final = "an artifact that get_run_artifacts() returned"
_PAGE: Final = 200
"""The largest page of runs that the service returns."""
_WAIT_MS: Final = 20_000
"""How long one request waits at the service for the end of a run."""
_MAX_SEQ: Final = 2**63 - 1
_LAST_EVENTS: Final = frozenset({"run_completed", "run_failed", "run_cancelled"})


class ClientReader:
    """The half of `RunClient` that only reads.

    Args:
        requester: Sends the requests.
        workflows: Workflows whose outputs are returned as their types.
        outputs: Where a `Run` reads its outputs, in the calling thread.
    """

    def __init__(self, requester: Requester, workflows: WorkflowRegistry, outputs: OutputSource) -> None:
        self._requester = requester
        self._workflows = workflows
        self._outputs = outputs
        self._tenant: str | None = None

    async def close(self) -> None:
        """Close all connections. A second call does nothing."""
        await self._requester.close()

    async def get_run(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Run:
        """Return a run, with the number of its steps by status. See `RunEngine.get_run()`."""
        await self._check_tenant(tenant)
        return await self._run(ApiRequest("GET", run_path(run_id)))

    async def get_run_steps(
        self,
        run_id: str,
        *,
        tenant: str = DEFAULT_TENANT,
        status: StepStatus | str | Iterable[str] | None = None,
    ) -> list[RunStep]:
        """Return the steps of a run, in the order of the workflow. See `RunEngine.get_run_steps()`."""
        await self._check_tenant(tenant)
        statuses = checks.statuses(status, StepStatus)
        params = [("status", str(each)) for each in statuses or ()]
        steps: list[RunStep] = []
        cursor: str | None = None
        while True:
            page_params = params if cursor is None else [*params, ("cursor", cursor)]
            request = ApiRequest("GET", run_path(run_id, "steps"), page_params)
            page = await self._requester.model(wire.STEP_PAGES, request)
            steps += page.items
            cursor = page.next_cursor
            if statuses == []:  # Asked nevertheless, because the run may not exist.
                return []
            if cursor is None or not page.items:
                return steps

    async def get_output(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of a step: as its type if the client has the workflow, else as JSON values.

        The errors are those of `RunEngine.get_output()`.
        """
        data = await self.get_output_json(run_id, step, tenant=tenant)
        known = {each.id: each for each in self._workflows.list_workflows()}
        if known:
            # Only the run says which workflow it is of.
            workflow = (await self.get_run(run_id, tenant=tenant)).workflow
            if workflow in known:
                return known[workflow].steps[step].output.load(data)
        return from_json(data)

    async def get_output_json(self, run_id: str, step: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the output of a step as JSON. See `RunEngine.get_output_json()`."""
        await self._check_tenant(tenant)
        checks.of_kind(step, str, field="step", fix="the id of a step")
        response = await self._requester.send(ApiRequest("GET", run_path(run_id, "steps", step, "output")))
        try:
            from_json(response.data)
        except ValueError as error:
            detail = "its response for an output is not JSON"
            raise ServiceInvalidError(url=self._requester.url, detail=detail) from error
        return response.data

    async def get_result(self, run_id: str, *, tenant: str = DEFAULT_TENANT) -> Any:
        """Return the output of the workflow's `result` step, or of its only final step; see `get_output()`.

        The errors are those of `RunEngine.get_result()`.
        """
        run = (await self.get_run(run_id, tenant=tenant)).raise_for_status()
        step = result_step(await self.describe_workflow(run.workflow))
        return await self.get_output(run_id, step, tenant=tenant)

    async def get_run_artifacts(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT
    ) -> dict[str, list[ArtifactRef]]:
        """Return the artifacts of a run, by the step that saved them. Their `uri` is a URL of the service.

        The errors are those of `RunEngine.get_run_artifacts()`.
        """
        await self._check_tenant(tenant)
        request = ApiRequest("GET", run_path(run_id, "artifacts"))
        found: dict[str, list[ArtifactRef]] = {}
        for each in await self._requester.model(wire.ARTIFACTS, request):
            # Not `href`: the service may not know the prefix that a proxy removes.
            name = "/".join(quote(part, safe="") for part in each.name.split("/"))
            uri = f"{self._requester.url}{run_path(run_id, 'artifacts', each.step)}/{name}"
            ref = ArtifactRef(each.name, uri, each.media_type, each.size, each.sha256)
            found.setdefault(each.step, []).append(ref)
        return found

    async def read_artifact(self, artifact: ArtifactRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return the content of an artifact, checked against its hash. See `RunEngine.read_artifact()`."""
        await self._check_tenant(tenant)
        checks.of_kind(artifact, ArtifactRef, field="artifact", fix=_ARTIFACT)
        path = artifact.uri.removeprefix(self._requester.url)
        if not path.startswith("/runs/"):  # Do not send the API key to another server.
            problem = f"it is not an artifact of this service; give {_ARTIFACT}."
            raise ArtifactError(name=artifact.name, problem=problem)
        response = await self._requester.send(ApiRequest("GET", path))
        if hashlib.sha256(response.data).hexdigest() != artifact.sha256:
            problem = "its content does not have the hash of the artifact."
            raise ArtifactError(name=artifact.name, problem=problem)
        return response.data

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
        before: RunSummary | tuple[datetime, str] | None = None,
    ) -> list[RunSummary]:
        """Return the runs of a tenant, the newest first. More than 200 take several requests.

        The arguments and errors are those of `RunEngine.list_runs()`.
        """
        await self._check_tenant(tenant)
        left = checks.whole(limit, 1, 1_000, field="limit")
        statuses = checks.statuses(status, RunStatus)
        params = [("status", str(each)) for each in statuses or ()]
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
        found: list[RunSummary] = []
        while left and statuses != []:
            page_params = [*params, ("limit", str(min(left, _PAGE)))]
            if cursor is not None:
                page_params.append(("cursor", cursor))
            page = await self._requester.model(wire.PAGES, ApiRequest("GET", "/runs", page_params))
            found += page.items
            left -= len(page.items)
            cursor = page.next_cursor
            if cursor is None or not page.items:
                break
        return found

    async def get_workers(self, *, tenant: str = DEFAULT_TENANT) -> WorkerOverview:
        """Return the engines of all processes of the service. See `RunEngine.get_workers()`."""
        await self._check_tenant(tenant)
        return await self._requester.model(wire.WORKERS, ApiRequest("GET", "/workers"))

    async def describe_workflows(self) -> list[WorkflowDescription]:
        """Return the workflows as plain values: steps, dependencies, changes, the schema of the inputs."""
        return await self._requester.model(wire.WORKFLOWS, ApiRequest("GET", "/workflows"))

    async def describe_workflow(self, name: str) -> WorkflowDescription:
        """Return one workflow as plain values. See `RunEngine.describe_workflow()`."""
        return await self._requester.model(wire.WORKFLOW, ApiRequest("GET", wire.workflow_path(name)))

    async def check_inputs(self, workflow: str, inputs: Any = None) -> None:
        """Validate inputs without creating a run. See `RunEngine.check_inputs()`."""
        path = f"{wire.workflow_path(workflow)}/check"
        await self._requester.send(wire.post(path, {"inputs": wire.inputs_body(workflow, inputs)}))

    async def wait(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, timeout_ms: TimeoutLike | None = None
    ) -> Run:
        """Wait until a run ends, in whatever process. The service may restart meanwhile.

        The arguments and errors are those of `RunEngine.wait()`, and:

        Raises:
            ServiceUnreachableError: The service did not respond for `reconnect_ms`.
        """
        limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
        await self._check_tenant(tenant)
        clock = self._requester.transport.runtime
        deadline = None if limit_ms is None else clock.monotonic() + limit_ms / 1000
        while True:
            # A request waits at the service for a limited time. If the run has not ended by then, ask again.
            left_ms = _WAIT_MS if deadline is None else max(0.0, (deadline - clock.monotonic()) * 1000)
            wait_ms = int(min(left_ms, _WAIT_MS))
            budget = RetryBudget(
                self._requester, at_least_s=self._requester.settings.reconnect_s, deadline=deadline
            )
            params = [("wait_ms", str(wait_ms))]
            request = ApiRequest("GET", run_path(run_id), params, extra_s=wait_ms / 1000)
            try:
                run = await self._run(request, budget)
            except ServiceUnreachableError as error:
                if deadline is not None and budget.is_late:
                    raise _wait_timeout(run_id, limit_ms) from error
                raise
            if run.status.is_over:
                return run
            if deadline is not None and clock.monotonic() >= deadline:
                raise _wait_timeout(run_id, limit_ms)

    async def events(
        self, run_id: str, *, tenant: str = DEFAULT_TENANT, after: int = 0, follow: bool = True
    ) -> AsyncGenerator[RunEvent, None]:
        """Yield the events of a run, as they happen, until the run ends.

        No event is lost or repeated when the connection breaks. The arguments and errors are those of
        `RunEngine.events()`, and:

        Raises:
            ServiceUnreachableError: The service did not respond for `reconnect_ms`.
        """
        checks.whole(after, 0, _MAX_SEQ, field="after")
        await self._check_tenant(tenant)
        budget = RetryBudget(self._requester, at_least_s=self._requester.settings.reconnect_s)
        params = [] if follow else [("follow", "false")]
        is_ended = False
        while True:
            request = ApiRequest("GET", run_path(run_id, "events"), params, {"Last-Event-ID": str(after)})
            parser = EventParser()
            try:
                async with aclosing(self._requester.stream(request)) as chunks:
                    async for chunk in chunks:
                        budget.restart()
                        for event in self._events_in(parser, chunk):
                            if event.seq > after:
                                after, is_ended = event.seq, event.type in _LAST_EVENTS
                                yield event
            except NoContent:
                return
            except StreamBroken as broken:
                await budget.wait_or_raise(broken.failure, broken.retry_after_s)
                continue
            if is_ended or not follow:
                return
            # The service was shut down. Continue when it is up again.
            detail = "the event stream ended before the run did"
            await budget.wait_or_raise(ServiceUnreachableError(url=self._requester.url, detail=detail))

    def _events_in(self, parser: EventParser, chunk: bytes) -> list[RunEvent]:
        try:
            return [RunEvent.model_validate_json(data) for data in parser.feed(chunk)]
        except ValueError as error:
            detail = "its event stream cannot be read"
            raise ServiceInvalidError(url=self._requester.url, detail=detail) from error

    async def _run(self, request: ApiRequest, budget: RetryBudget | None = None) -> Run:
        return (await self._requester.model(wire.RUN, request, budget)).reading(self._outputs)

    async def _check_tenant(self, tenant: str) -> None:
        """Refuse a tenant that is not that of the API key. The default tenant stands for that of the key.

        Raises:
            ForbiddenError: It is another tenant.
        """
        if tenant == DEFAULT_TENANT:
            return
        checks.text(tenant, checks.MAX_TENANT, field="tenant")
        if self._tenant is None:
            self._tenant = (await self._requester.model(wire.CALLER, ApiRequest("GET", "/caller"))).tenant
        if tenant != self._tenant:
            raise ForbiddenError(
                url=self._requester.url,
                detail=f"tenant must be that of the API key, '{self._tenant}', got '{tenant}'."
                " Use a key of that tenant.",
                reason="FORBIDDEN",
                status=403,
            )


def _wait_timeout(run_id: str, limit_ms: float | None) -> TimeoutError:
    return TimeoutError(f"Run '{run_id}' did not end within {limit_ms or 0:,.0f} ms; it continues.")


def result_step(workflow: WorkflowDescription) -> str:
    """Return the step whose output is the result of a run.

    Raises:
        LookupError: The workflow has several final steps and names none as its result.
    """
    if workflow.result is None:
        raise LookupError(
            f"Workflow '{workflow.id}' has several final steps and names none as its result. Name it with"
            " Workflow(..., result=), or call get_output() for a step."
        )
    return workflow.result
