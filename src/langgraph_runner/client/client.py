"""`RunClient`: the methods of `RunEngine`, carried out by a service."""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, Unpack, cast

from langgraph_runner.client import bodies
from langgraph_runner.client.reading import ClientReader
from langgraph_runner.client.requesting import Requester
from langgraph_runner.client.settings import Settings
from langgraph_runner.client.transport import AsyncTransport, BlockingTransport
from langgraph_runner.client.wire import PLAN, run_path
from langgraph_runner.engine import checks
from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.engine.options import TriggerOptions
from langgraph_runner.errors.hints import refuse_unknown_options
from langgraph_runner.workflow import WorkflowRegistry

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    import httpx

    from langgraph_runner.client.sync import SyncRunClient
    from langgraph_runner.client.transport import Transport
    from langgraph_runner.engine.models import Run, RunPlan
    from langgraph_runner.node.config import TimeoutLike
    from langgraph_runner.runtime.runtimes import Runtimes
    from langgraph_runner.workflow import ChangeRequest, FailureMode, Workflow, WorkflowSpec

__all__ = ["RunClient"]

P = ParamSpec("P")
_HEADER_TEXT: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class RunClient(ClientReader):
    """Runs workflows at a service. Use it from one event loop; `RunClient.sync` is for programs without one.

    Its methods have the names, the parameters, the results and the errors of `RunEngine`. The tenant is the one of
    the API key: `tenant="default"` stands for it, and another name is refused. It opens no connection before the
    first call, and keeps connections open between calls. Close it, or use it as `async with`.

    A request that gets no answer, or 429, 502, 503 or 504, is sent again after a back-off of 0.2 to 5 s with jitter,
    or after as long as `Retry-After` says. A call that makes a run has an idempotency key, so it makes one run
    however often it is sent. Redirects are not followed.

    Args:
        url: The address of the service, such as `https://runs.example.com`.
        api_key: What `langgraph-runner keys create` shows, or a token; None for a service with `--dev`. It appears in
            no message, log or `repr`.
        workflows: Workflows whose outputs come back as their types. Outputs of others are JSON values.
        connect_timeout_ms: How long a connection may take.
        read_timeout_ms: How long the service may be silent.
        max_attempts: How often a request is sent, the first time included: 1 to 1,000.
        reconnect_ms: How long `wait()` and `events()` try to reach a service that has gone away, at least.
        allow_insecure: Whether the key may be sent over plain http to another machine.
        verify: The certificates to trust: an SSL context, or True for those of httpx.
        http_transport: How httpx sends requests, for tests and special networks; None for its own.
        runtime: Clock, sleep and chance; a `FakeRuntime` in tests.

    Raises:
        ValueError: The URL is not an address of a service, the key would be sent in the clear, or an option is out of
            its range.
        TypeError: An option is of another type.

    Example:
        >>> client = RunClient("http://127.0.0.1:8000", api_key="lgr_0123")
        >>> client
        <RunClient of http://127.0.0.1:8000>
    """

    _transport_class: type[AsyncTransport | BlockingTransport] = AsyncTransport

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        workflows: Iterable[Workflow | WorkflowSpec] = (),
        connect_timeout_ms: TimeoutLike = 5_000,
        read_timeout_ms: TimeoutLike = 30_000,
        max_attempts: int = 5,
        reconnect_ms: TimeoutLike = 60_000,
        allow_insecure: bool = False,
        verify: ssl.SSLContext | bool = True,
        http_transport: httpx.AsyncBaseTransport | httpx.BaseTransport | None = None,
        runtime: Runtimes | None = None,
    ) -> None:
        settings = Settings.of(
            url,
            api_key=api_key,
            connect_timeout_ms=connect_timeout_ms,
            read_timeout_ms=read_timeout_ms,
            max_attempts=max_attempts,
            reconnect_ms=reconnect_ms,
            allow_insecure=allow_insecure,
            verify=verify,
            http_transport=http_transport,
            runtime=runtime,
        )
        registry = WorkflowRegistry(workflows)
        transport: Transport = self._transport_class(settings)
        super().__init__(Requester(settings, transport), registry, self._as_blocking)
        self._twin: tuple[Requester, ClientReader] | None = None
        self._making_twin = threading.Lock()

    # Typed as a callable, so that callers see the parameters of the class; calls are checked by both type checkers.
    @classmethod  # pyright: ignore[reportArgumentType]
    def sync(cls: Callable[P, RunClient], *arguments: P.args, **options: P.kwargs) -> SyncRunClient:
        """Make a blocking client, for scripts and notebooks. It needs no event loop, and threads may share it.

        Args:
            *arguments: Those of `RunClient`.
            **options: Those of `RunClient`.
        """
        from langgraph_runner.client.sync import SyncRunClient  # noqa: PLC0415 - which wraps this class

        driven = cast("Callable[P, RunClient]", _DrivenClient)
        return SyncRunClient(partial(driven, *arguments, **options))

    # Start runs.

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
        """Make a run, and have the service run it. When this returns it is durable.

        Args:
            workflow: Its id.
            inputs: As its model, or as JSON values; checked first.
            tenant: Whose run it is.
            idempotency_key: Reusing a key for an equal call returns the existing run; a call that differs is refused.
                None makes a key for this call, so that a lost answer does not lead to a second run.
            priority: Waiting runs start in the order of their priority, the highest first.
            failure_mode: What a failed step does to branches that do not need it: `continue`, or `fail_fast`.
            max_concurrency: How many of its steps may run at once, at least 1; None for as many as the engine allows.
            run_timeout_ms: Limit of the whole run, from its start.
            force: Ids of steps that run even if the cache knows their results.
            use_cache: False runs every step, as if the cache were empty; results are stored all the same.
            tags: For searches with `list_runs(tags=...)`: up to 32 names of up to 64 characters, with values of up
                to 256.
            metadata: JSON values that are kept with the run: up to 16 KB.

        Raises:
            UnknownWorkflowError: There is no such workflow.
            UnknownStepError: `force` names a step that the workflow does not have; also a `ValueError`.
            WorkflowInputError: The inputs do not fit. No run was made.
            IdempotencyConflictError: The key was used before, for another request.
            ValueError: An option is out of its range.
        """
        checks.of_kind(workflow, str, field="workflow", fix="the id of one that the service has")
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
        body = {"workflow": workflow, "inputs": bodies.inputs_of(workflow, inputs)}
        return await self._make("/runs", body, options)

    async def run(
        self,
        workflow: str,
        inputs: Any = None,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """`trigger()`, and `wait()` for its end. A failed run is returned, unless `raise_on_failure` is True.

        Raises:
            RunFailedError: The run failed or was cancelled, and `raise_on_failure` is True.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="run()")
        return await self._followed(await self.trigger(workflow, inputs, **options), raise_on_failure)

    async def trigger_update(
        self, base_run_id: str, change: ChangeRequest, **options: Unpack[TriggerOptions]
    ) -> Run:
        """Make a run that differs from a completed one by `change`: what the change does not touch is reused.

        Args:
            base_run_id: A completed run. It is not changed.
            change: One that its workflow knows.
            **options: As of `trigger()`; the new run keeps those of the base run that are not given.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is not completed.
            ChangeRequestError: Its workflow does not know the change, or the payload does not fit.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_update()")
        return await self._make(
            run_path(base_run_id, "update"), {"change": bodies.change_of(change)}, options
        )

    async def update(
        self,
        base_run_id: str,
        change: ChangeRequest,
        *,
        raise_on_failure: bool = False,
        **options: Unpack[TriggerOptions],
    ) -> Run:
        """`trigger_update()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
        return await self._followed(
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
        """What `update()` would do with each step, and why. Nothing runs, nothing is written.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It is not completed.
            ChangeRequestError: Its workflow does not know the change, or the payload does not fit.
        """
        await self._check_tenant(tenant)
        checks.of_kind(use_cache, bool, field="use_cache", fix="True or False")
        body = {"change": bodies.change_of(change), "force": bodies.steps_of(force), "use_cache": use_cache}
        return await self._requester.model(PLAN, bodies.post(run_path(base_run_id, "plan"), body))

    async def trigger_retry(self, run_id: str, **options: Unpack[TriggerOptions]) -> Run:
        """Continue a failed or cancelled run from where it stopped, as a new run: finished steps are reused.

        Raises:
            RunNotFoundError: The tenant has no such run.
            RunStateError: It has not failed and was not cancelled.
            WorkflowInputError: Its inputs do not fit the workflow as it is now. No run was made.
        """
        refuse_unknown_options(options, TriggerOptions.__annotations__, of="trigger_retry()")
        return await self._make(run_path(run_id, "retry"), {}, options)

    async def retry(
        self, run_id: str, *, raise_on_failure: bool = False, **options: Unpack[TriggerOptions]
    ) -> Run:
        """`trigger_retry()`, and `wait()` for its end; `raise_on_failure` as in `run()`."""
        return await self._followed(await self.trigger_retry(run_id, **options), raise_on_failure)

    # End them.

    async def cancel(self, run_id: str, *, tenant: str = DEFAULT_TENANT, reason: str = "cancelled") -> Run:
        """Ask for a run to be cancelled, for good. Running steps get the abort signal; the others are cancelled.

        A run that is over stays as it is.

        Raises:
            RunNotFoundError: The tenant has no such run.
            ValueError: The reason is not text of 1 to 2,000 characters.
        """
        await self._check_tenant(tenant)
        reason = checks.text(reason or "cancelled", checks.MAX_REASON, field="reason")
        return await self._run(bodies.post(run_path(run_id, "cancel"), {"reason": reason}))

    async def close(self) -> None:
        """Close all connections. Runs go on. A second call does nothing."""
        await self._requester.close()
        with self._making_twin:
            twin, self._twin = self._twin, None
        if twin is not None:
            await twin[0].close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<RunClient of {self._requester.url}>"

    # Inside.

    async def _make(self, path: str, body: dict[str, Any], options: TriggerOptions) -> Run:
        """Send a request that makes a run, with a key by which it makes no second one."""
        await self._check_tenant(options.get("tenant", DEFAULT_TENANT))
        key = options.get("idempotency_key")
        if key is None:
            key = f"client-{self._requester.transport.runtime.token_hex(16)}"
        elif not _HEADER_TEXT.fullmatch(checks.text(key, checks.MAX_KEY, field="idempotency_key")):
            raise ValueError(
                f"idempotency_key: {key!r:.80} must be printable ASCII without outer blanks; it is sent as a header."
            )
        asked = bodies.post(path, {**body, **bodies.options_of(options)}, {"Idempotency-Key": key})
        return await self._run(asked)

    async def _followed(self, run: Run, raise_on_failure: bool) -> Run:
        ended = run if run.status.is_over else await self.wait(run.id)
        return ended.raise_for_status() if raise_on_failure else ended

    def _as_blocking(self) -> ClientReader:
        """A client of the same service whose coroutines never suspend.

        Raises:
            RuntimeError: This client is closed.
        """
        self._requester.check_open()
        with self._making_twin:
            if self._twin is None:
                settings = self._requester.settings
                requester = Requester(settings, BlockingTransport(settings))
                self._twin = requester, ClientReader(requester, self._workflows, self._as_blocking)
            return self._twin[1]


class _DrivenClient(RunClient):
    """A client whose coroutines never suspend, for `drive()`."""

    _transport_class = BlockingTransport

    def _as_blocking(self) -> ClientReader:
        return self
