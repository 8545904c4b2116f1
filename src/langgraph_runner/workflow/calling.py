"""How a step's function is called: with fresh copies of what it receives, its result kept within the attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime as LangGraphRuntime
from langgraph.runtime import get_runtime

from langgraph_runner.node import RetryAttempt, create_node
from langgraph_runner.node.callee import Callee
from langgraph_runner.runtime.threads import await_in_thread
from langgraph_runner.workflow.definition.binding import HOST_PARAMETERS, named_parameters
from langgraph_runner.workflow.values.heavy import apart_from_loop, is_heavy
from langgraph_runner.workflow.values.refs import ref_of

if TYPE_CHECKING:
    from langgraph_runner.node import NodeCircuitBreaker
    from langgraph_runner.workflow.context import StepContext
    from langgraph_runner.workflow.definition.spec import StepSpec
    from langgraph_runner.workflow.values.output_type import OutputType

__all__ = ["ON_RETRY", "OUTPUT", "Call", "Delivered", "node_of"]

ON_RETRY: Final[ContextVar[Callable[[RetryAttempt], None] | None]] = ContextVar("ON_RETRY", default=None)
"""Who is told that a step is about to be tried again; set by whoever runs it, for the time of the step."""
OUTPUT: Final = "output"
"""Where the value of a `Success` has the `Delivered`."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The output of a step, as it is kept."""

    data: bytes
    """As JSON."""
    ref: str
    """How it is known: see `workflow.refs`."""


class Call:
    """What one run of a step is called with, for all its attempts.

    Args:
        make: Gives the arguments by name, or the one value of a Runnable: each time made anew, so that neither
            another step nor the next attempt sees what this one does to them.
        context: Its `ctx`.

    Raises:
        Exception: What `make` raises.
    """

    __slots__ = ("_made", "_make", "context")

    def __init__(self, make: Callable[[], Any], context: StepContext) -> None:
        self._make = make
        self._made = [make()]
        self.context = context

    def value(self) -> Any:
        """The one value, for whoever calls this."""
        return self._made.pop() if self._made else self._make()

    def arguments(self, step: str, names: frozenset[str] | None) -> dict[str, Any]:
        """The arguments, for whoever calls this: those of `names`, or all of them.

        Raises:
            TypeError: An `input_selector` has given something else.
        """
        received = self.value()
        if type(received) is not dict and not isinstance(received, Mapping):
            raise TypeError(
                f"The input_selector of step '{step}' gave a {type(received).__name__}; a function needs a dict"
                " of its arguments."
            )
        return {name: each for name, each in received.items() if names is None or name in names}


def node_of(spec: StepSpec, output: OutputType, breaker: NodeCircuitBreaker | None, *, blocking: bool) -> Any:
    """The step as a node: awaited, or blocking, which a coroutine function cannot be.

    It is called with `{"call": Call}`. What it returns becomes JSON inside the attempt, so a bad output is a failure
    of the attempt.
    """
    return create_node(
        _called(spec, output, spec.run, blocking=blocking),
        name=spec.id,
        retry=spec.retry,
        timeout_ms=spec.timeout_ms,
        total_timeout_ms=spec.total_timeout_ms,
        circuit_breaker=breaker,
        fallback=None if spec.fallback is None else _called(spec, output, spec.fallback, blocking=blocking),
        on_retry_attempt=_retrying_blocking if blocking else _retrying,
        on_error="record",
        on_drain="finish",
        log_level="DEBUG",
    )


async def _retrying(retry: RetryAttempt) -> None:
    _retrying_blocking(retry)


def _retrying_blocking(retry: RetryAttempt) -> None:
    if (tell := ON_RETRY.get()) is not None:
        tell(retry)


def _called(spec: StepSpec, output: OutputType, function: Any, *, blocking: bool) -> Callable[..., Any]:
    """`function` as one of a state, in the colour that is asked for."""
    if isinstance(function, Runnable):
        return _of_runnable(output, function, blocking=blocking)
    arguments = _arguments_of(spec, function)
    if Callee.of(function).is_async:

        async def awaited(state: Any, config: RunnableConfig) -> dict[str, Any]:
            positional, keywords = arguments(state["call"], config)
            return await _delivered_soon(output, await function(*positional, **keywords))

        return awaited

    def called(state: Any, config: RunnableConfig) -> dict[str, Any]:
        positional, keywords = arguments(state["call"], config)
        return _delivered(output, function(*positional, **keywords))

    async def threaded(state: Any, config: RunnableConfig) -> dict[str, Any]:
        # All of it, because what a step returns may be long to read.
        return await await_in_thread(called, state, config)  # type: ignore[no-any-return]

    return called if blocking else threaded


def _of_runnable(output: OutputType, runnable: Runnable[Any, Any], *, blocking: bool) -> Callable[..., Any]:
    def invoked(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return _delivered(output, runnable.invoke(state["call"].value(), config))

    async def awaited(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return await _delivered_soon(output, await runnable.ainvoke(state["call"].value(), config))

    return invoked if blocking else awaited


def _arguments_of(
    spec: StepSpec, function: Any
) -> Callable[[Call, RunnableConfig], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Gives the arguments of `function`, which is the step's own or its fallback."""
    named, _ = named_parameters(function)
    wanted = HOST_PARAMETERS.intersection(named)
    if isinstance(spec.run, Runnable):  # A fallback, which gets its one value.

        def one_value(call: Call, config: RunnableConfig) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return (call.value(),) if len(named) > len(wanted) else (), _of_host(wanted, call, config)

        return one_value
    names = None if function is spec.run else frozenset(named)

    def by_name(call: Call, config: RunnableConfig) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (), {**call.arguments(spec.id, names), **_of_host(wanted, call, config)}

    return by_name


def _of_host(wanted: frozenset[str], call: Call, config: RunnableConfig) -> dict[str, Any]:
    provided: dict[str, Any] = {"ctx": call.context, "config": config}
    if "runtime" in wanted:
        provided["runtime"] = _runtime()
    return {name: provided[name] for name in wanted}


def _runtime() -> Any:
    try:
        found: Any = get_runtime()
    except RuntimeError:  # Nothing of LangChain's is running,
        found = None
    return found or LangGraphRuntime()  # or no graph is.


async def _delivered_soon(output: OutputType, value: Any) -> dict[str, Any]:
    return await apart_from_loop(_delivered, output, value) if is_heavy(value) else _delivered(output, value)


def _delivered(output: OutputType, value: Any) -> dict[str, Any]:
    data, content_hash = output.keep(value)
    return {OUTPUT: Delivered(data, ref_of(content_hash, data))}
