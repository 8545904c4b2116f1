"""How the function of a step is called: with new copies of its arguments, and with its result stored as JSON."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import Runtime as LangGraphRuntime
from langgraph.runtime import get_runtime

from langgraph_runner.node import RetryAttempt, create_node
from langgraph_runner.node.callee import Callee
from langgraph_runner.runtime.threads import await_in_thread
from langgraph_runner.workflow.definition.binding import HOST_PARAMETERS, named_parameters
from langgraph_runner.workflow.values.off_loop import is_large, run_off_loop

if TYPE_CHECKING:
    from langgraph_runner.workflow.context import StepContext
    from langgraph_runner.workflow.definition.spec import StepSpec
    from langgraph_runner.workflow.values.output_type import OutputType

__all__ = ["ON_RETRY", "OUTPUT", "StepCall", "StepOutput", "content_hash_of_ref", "make_step_node"]

ON_RETRY: Final[ContextVar[Callable[[RetryAttempt], None] | None]] = ContextVar("ON_RETRY", default=None)
"""A callback before each retry of a step. The engine sets it while the step runs."""
OUTPUT: Final = "output"
"""The key of the `StepOutput` in the value of a `Success`."""
_JSON_DIGEST_CHARS: Final = 20
"""120 bits are enough here: only outputs with equal values are told apart."""


@dataclass(frozen=True, slots=True)
class StepOutput:
    """The output of a step, as it is stored."""

    data: bytes
    """As JSON."""
    ref: str
    """Its reference: the hash of its value and the hash of its JSON, in one text.

    The content hash is the same for equal values, whatever the order of their keys. Other steps are hashed with it.
    The hash of the JSON tells apart outputs with equal values and different JSON: a step that receives an output gets
    exactly the JSON that was made of it.
    """

    @classmethod
    def of(cls, content_hash: str, data: bytes) -> StepOutput:
        """Return the output with this content hash in hex and this JSON.

        The reference has 64 characters, because the database column was made for a content hash.
        """
        json_digest = _base64(sha256(data).digest())[:_JSON_DIGEST_CHARS]
        return cls(data, f"{_base64(bytes.fromhex(content_hash))}.{json_digest}")


def content_hash_of_ref(ref: str) -> str:
    """Return the content hash of an output, in hex. A reference of an early release is the content hash itself."""
    encoded, dot, _ = ref.partition(".")
    return urlsafe_b64decode(f"{encoded}=").hex() if dot else ref


def _base64(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")


class StepCall:
    """What one run of a step is called with, in all its attempts.

    Args:
        make: Makes the arguments by name, or the one value of a Runnable. Called for each attempt, so that neither
            another step nor the next attempt sees what this attempt does to them.
        context: The `ctx` of the step.

    Raises:
        Exception: What `make` raises.
    """

    __slots__ = ("_first", "_make", "context")

    def __init__(self, make: Callable[[], Any], context: StepContext) -> None:
        self._make = make
        # Made here for the first attempt, so that the caller gets an exception of `make`, and not the retries.
        self._first = [make()]
        self.context = context

    def value(self) -> Any:
        """Return the one value, new for each attempt."""
        return self._first.pop() if self._first else self._make()

    def arguments(self, step: str, names: frozenset[str] | None) -> dict[str, Any]:
        """Return the arguments, new for each attempt: those in `names`, or all for None.

        Raises:
            TypeError: An `input_selector` returned something else than a dict.
        """
        received = self.value()
        if type(received) is not dict and not isinstance(received, Mapping):
            raise TypeError(
                f"The input_selector of step '{step}' must return a dict of the function's arguments, got a"
                f" {type(received).__name__}."
            )
        return {name: each for name, each in received.items() if names is None or name in names}


def make_step_node(spec: StepSpec, output: OutputType, policies: dict[str, Any], *, blocking: bool) -> Any:
    """Make the node of a step.

    The node is called with the state `{"call": StepCall}`. The output becomes JSON inside the attempt, so that a bad
    output is a failure of the attempt, which may be retried.

    Args:
        spec: The step.
        output: The type of its output.
        policies: Its policies with a state, as options of `create_node()`.
        blocking: Whether the node is called without an event loop. Not possible for a coroutine function.
    """
    return create_node(
        _on_state(spec, output, spec.run, blocking=blocking),
        name=spec.id,
        retry=spec.retry,
        timeout_ms=spec.timeout_ms,
        total_timeout_ms=spec.total_timeout_ms,
        policies=spec.policies,
        fallback=None if spec.fallback is None else _on_state(spec, output, spec.fallback, blocking=blocking),
        on_retry_attempt=_notify_of_retry if blocking else _notify_of_retry_async,
        on_error="record",
        on_drain="finish",
        log_level="DEBUG",
        **policies,
    )


async def _notify_of_retry_async(retry: RetryAttempt) -> None:
    _notify_of_retry(retry)


def _notify_of_retry(retry: RetryAttempt) -> None:
    if (notify := ON_RETRY.get()) is not None:
        notify(retry)


def _on_state(spec: StepSpec, output: OutputType, function: Any, *, blocking: bool) -> Callable[..., Any]:
    """Wrap the function of a step, or its fallback, in a function of a state: sync if `blocking`, else async."""
    if isinstance(function, Runnable):
        return _runnable_on_state(output, function, blocking=blocking)
    arguments_of = _arguments_function(spec, function)
    if Callee.of(function).is_async:

        async def awaited(state: Any, config: RunnableConfig) -> dict[str, Any]:
            positional, keywords = arguments_of(state["call"], config)
            return await _store_output_async(output, await function(*positional, **keywords))

        return awaited

    def called(state: Any, config: RunnableConfig) -> dict[str, Any]:
        positional, keywords = arguments_of(state["call"], config)
        return _store_output(output, function(*positional, **keywords))

    async def threaded(state: Any, config: RunnableConfig) -> dict[str, Any]:
        # The thread also writes the output as JSON, which takes long for a large one.
        return await await_in_thread(called, state, config)  # type: ignore[no-any-return]

    return called if blocking else threaded


def _runnable_on_state(
    output: OutputType, runnable: Runnable[Any, Any], *, blocking: bool
) -> Callable[..., Any]:
    def invoked(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return _store_output(output, runnable.invoke(state["call"].value(), config))

    async def awaited(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return await _store_output_async(output, await runnable.ainvoke(state["call"].value(), config))

    return invoked if blocking else awaited


def _arguments_function(
    spec: StepSpec, function: Any
) -> Callable[[StepCall, RunnableConfig], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function that gives the positional and keyword arguments for the step's function or its fallback."""
    named, _ = named_parameters(function)
    host_names = HOST_PARAMETERS.intersection(named)
    is_runnable = isinstance(spec.run, Runnable)
    takes_value = len(named) > len(host_names)
    # A fallback gets only the arguments that it names.
    names = None if function is spec.run else frozenset(named)

    def arguments(call: StepCall, config: RunnableConfig) -> tuple[tuple[Any, ...], dict[str, Any]]:
        provided = _host_arguments(host_names, call, config)
        if is_runnable:
            # `function` is its fallback, because a Runnable itself never gets here. It receives the same one value.
            return (call.value(),) if takes_value else (), provided
        return (), {**call.arguments(spec.id, names), **provided}

    return arguments


def _host_arguments(names: frozenset[str], call: StepCall, config: RunnableConfig) -> dict[str, Any]:
    provided: dict[str, Any] = {"ctx": call.context, "config": config}
    if "runtime" in names:
        provided["runtime"] = _runtime()
    return {name: provided[name] for name in names}


def _runtime() -> Any:
    """Return LangGraph's runtime; an empty one outside of a graph."""
    try:
        found: Any = get_runtime()
    except RuntimeError:  # No Runnable is running.
        found = None
    return found or LangGraphRuntime()


async def _store_output_async(output: OutputType, value: Any) -> dict[str, Any]:
    return (
        await run_off_loop(_store_output, output, value) if is_large(value) else _store_output(output, value)
    )


def _store_output(output: OutputType, value: Any) -> dict[str, Any]:
    data, content_hash = output.dump_with_hash(value)
    return {OUTPUT: StepOutput.of(content_hash, data)}
