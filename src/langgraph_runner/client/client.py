"""`RunClient`: the methods of `RunEngine`, over HTTP. `SyncRunClient`: the same without an event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from langgraph_runner.client.reader import ClientReader, result_step
from langgraph_runner.client.requester import Requester
from langgraph_runner.client.settings import Settings, auth_headers, in_seconds, parse_base_url
from langgraph_runner.client.transport import AsyncTransport, BlockingTransport
from langgraph_runner.client.writer import ClientWriter
from langgraph_runner.engine import checks
from langgraph_runner.engine.outputs import OutputSource
from langgraph_runner.engine.sync import SyncRunMethods
from langgraph_runner.runtime.runtimes import as_runtimes, drive
from langgraph_runner.workflow import StepStatus, WorkflowRegistry
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType

    import httpx

    from langgraph_runner.client.transport import Transport
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.runtime.runtimes import Runtimes
    from langgraph_runner.runtime.timeouts import TimeoutLike
    from langgraph_runner.workflow import Workflow, WorkflowSpec

__all__ = ["RunClient", "SyncRunClient"]

P = ParamSpec("P")
T = TypeVar("T")


class RunClient(ClientWriter):
    """Runs workflows on a service. Use it from one event loop; `RunClient.sync` is for programs without one.

    Its methods have the names, the parameters, the results and the errors of `RunEngine`. The tenant is that of the
    API key: `tenant="default"` stands for it, and any other name is refused. The client connects at the first call,
    and keeps connections open between calls. Close it, or use it as `async with`.

    A request that gets no response, or 429, 502, 503 or 504, is sent again after a back-off of 0.2 to 5 s with
    jitter, or after the time in `Retry-After`. A call that creates a run sends an idempotency key, so it creates one
    run, however often it is sent. Redirects are not followed.

    Args:
        url: The URL of the service, such as `https://runs.example.com`.
        api_key: The key that `langgraph-runner keys create` printed, or a token; None for a service with `--dev`. It
            appears in no message, log or `repr`.
        workflows: Workflows whose outputs are returned as their types. Outputs of other workflows are JSON values.
        connect_timeout_ms: The time limit for a connection, in ms.
        read_timeout_ms: The longest silence of the service during a response, in ms.
        max_attempts: How often a request is sent, including the first time: 1 to 1,000.
        reconnect_ms: How long `wait()` and `events()` try at least to reach a service that does not respond, in ms.
        allow_insecure: Whether to allow plain http to another machine, which sends the key unencrypted.
        verify: The certificates to trust: an SSL context, or True for the certificates of httpx.
        http_transport: The transport of httpx, for tests and special networks; None for the default of httpx.
        runtime: Clock, sleep and randomness; a `FakeRuntime` in tests.

    Raises:
        ValueError: The URL is invalid, the key would be sent unencrypted, or an option is out of its range.
        TypeError: An option has the wrong type.

    Example:
        >>> client = RunClient("http://127.0.0.1:8000", api_key="lgr_0123")
        >>> client
        <RunClient of http://127.0.0.1:8000>
    """

    _transport_class: type[Transport] = AsyncTransport

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
        parsed = parse_base_url(url)
        is_local_http = parsed.scheme == "http" and checks.is_loopback(parsed.host)
        settings = Settings(
            url=parsed,
            headers=auth_headers(parsed, api_key, allow_insecure=allow_insecure),
            connect_timeout_s=in_seconds(connect_timeout_ms, "connect_timeout_ms"),
            read_timeout_s=in_seconds(read_timeout_ms, "read_timeout_ms"),
            max_attempts=checks.whole(max_attempts, 1, 1_000, field="max_attempts"),
            reconnect_s=in_seconds(reconnect_ms, "reconnect_ms"),
            trusts_environment=not is_local_http,
            # Loading the certificates takes 20 ms. Plain http without a proxy needs none.
            verify=verify and not is_local_http if isinstance(verify, bool) else verify,
            http_transport=http_transport,
            runtimes=as_runtimes(runtime, field="runtime"),
        )
        registry = WorkflowRegistry(workflows)
        transport = self._transport_class(settings)
        super().__init__(Requester(settings, transport), registry, _ServiceOutputs(self._blocking_reader))
        # `run.output()` blocks, so it needs connections of its own. They are made when it is first called.
        self._blocking: ClientReader | None = None
        self._lock = threading.Lock()

    # `cls` is typed as a callable, so that both type checkers see the parameters of the class in calls of `sync()`.
    @classmethod  # pyright: ignore[reportArgumentType]
    def sync(cls: Callable[P, RunClient], *arguments: P.args, **options: P.kwargs) -> SyncRunClient:
        """Make a blocking client, for scripts and notebooks. It needs no event loop, and threads may share it.

        Args:
            *arguments: The arguments of `RunClient`.
            **options: The options of `RunClient`.
        """
        make = cast("Callable[P, RunClient]", _NeverSuspendingClient)
        return SyncRunClient(make(*arguments, **options))

    async def close(self) -> None:
        """Close all connections. Runs go on. A second call does nothing."""
        await super().close()
        with self._lock:
            reader, self._blocking = self._blocking, None
        if reader is not None:
            await reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<RunClient of {self._requester.url}>"

    def _blocking_reader(self) -> ClientReader:
        """Return a reader for the same service whose coroutines never suspend.

        Raises:
            RuntimeError: This client is closed.
        """
        self._requester.check_open()
        with self._lock:
            if self._blocking is None:
                settings = self._requester.settings
                requester = Requester(settings, BlockingTransport(settings))
                self._blocking = ClientReader(requester, self._workflows, self._outputs)
            return self._blocking


class _NeverSuspendingClient(RunClient):
    """A client whose coroutines never suspend, so that `drive()` can run them."""

    _transport_class = BlockingTransport

    def _blocking_reader(self) -> ClientReader:
        return self


class SyncRunClient(SyncRunMethods):
    """Every method of `RunClient`, blocking; `events()` is an iterator. Thread-safe.

    Make one with `RunClient.sync(...)`. Close it, or use it as `with`. It needs neither an event loop nor a thread.
    The methods are described as those of an engine; `RunClient` says what is different with a service.

    Args:
        client: A client whose coroutines never suspend.
    """

    def __init__(self, client: RunClient) -> None:
        # A client is no engine, but it has each of these methods, with the same parameters.
        self._engine = cast("RunEngine", client)

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        self._call(self._engine.close())

    def __repr__(self) -> str:
        return repr(self._engine).replace("RunClient", type(self).__name__, 1)

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)


class _ServiceOutputs(OutputSource):
    """Reads outputs from a service, through a reader whose coroutines never suspend. Thread-safe."""

    def __init__(self, reader: Callable[[], ClientReader]) -> None:
        self._reader = reader

    def output(self, tenant: str, run_id: str, step: str) -> Any:
        """Return the output of a step, as its type."""
        return drive(self._reader().get_output(run_id, step, tenant=tenant))

    def steps(self, tenant: str, run_id: str) -> list[str]:
        """Return the steps that have an output."""
        steps = drive(self._reader().get_run_steps(run_id, tenant=tenant))
        return [
            each.step for each in steps if each.status is StepStatus.COMPLETED or each.reason in DELIVERING
        ]

    def result_step(self, workflow: str) -> str:
        """Return the step whose output is the result of a run."""
        return result_step(drive(self._reader().describe_workflow(workflow)))
