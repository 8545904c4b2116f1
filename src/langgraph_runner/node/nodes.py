"""The three forms of a node: a function, a coroutine function, and a Runnable that is both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.pregel.protocol import PregelProtocol

from langgraph_runner.node.callee import Callee, NodeFunction
from langgraph_runner.node.langgraph.delivery import deliver
from langgraph_runner.node.langgraph.internals import is_awaitable, kind_of
from langgraph_runner.node.langgraph.schema import SchemaWatch
from langgraph_runner.node.langgraph.signature import dress, qualname_of
from langgraph_runner.node.object_node import ObjectNode, is_callable_object
from langgraph_runner.node.options import NodePolicies
from langgraph_runner.node.outcome import Outcome, Success
from langgraph_runner.node.pipeline import run_node
from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
from langgraph_runner.runtime.runtimes import Runtime, drive

if TYPE_CHECKING:
    from langgraph_runner.node.options import OnError

__all__ = ["AsyncNode", "RunnableNode", "SyncNode", "as_fallback", "async_node", "is_node", "sync_node"]

StateT = TypeVar("StateT")
StateT_contra = TypeVar("StateT_contra", contravariant=True)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class SyncNode(Protocol[StateT_contra, ResultT_co]):
    """A node made of a plain function: call it, or give it to `add_node()`."""

    circuit_breaker: NodeCircuitBreaker | None
    """Its breaker, to observe, reset or share."""

    def __call__(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> ResultT_co:
        """What the function returns; with `on_error="capture"`, a failure as a partial state."""
        ...

    def run(self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        """Call the node for its outcome as a value: nothing is captured into a state, and nothing is raised."""
        ...


class AsyncNode(Protocol[StateT_contra, ResultT_co]):
    """A node made of a coroutine function."""

    circuit_breaker: NodeCircuitBreaker | None
    """Its breaker, to observe, reset or share."""

    def __call__(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> Coroutine[Any, Any, ResultT_co]:
        """What the function returns; with `on_error="capture"`, a failure as a partial state."""
        ...

    def run(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> Coroutine[Any, Any, Outcome]:
        """Call the node for its outcome as a value: nothing is captured into a state, and nothing is raised."""
        ...


class RunnableNode(RunnableLambda[StateT, ResultT]):
    """A node made of a Runnable (a chain, a model, a compiled graph): sync and async, as that is.

    Thread-safe. Both faces share one circuit breaker. It is a `RunnableLambda` because that has `deps`, in which
    LangGraph looks for subgraphs.
    """

    def __init__(self, blocking: NodePolicies, awaiting: NodePolicies) -> None:
        super().__init__(self.invoke, self.ainvoke, name=blocking.name or blocking.callee.name)
        self._blocking = blocking
        self._awaiting = awaiting
        self._streaming = replace(blocking, callee=blocking.callee.streamed())
        self._streaming_async = replace(awaiting, callee=awaiting.callee.streamed())
        self._on_error: OnError = blocking.on_error
        self._schema = _schema_watch(blocking)
        self.circuit_breaker = blocking.circuit_breaker
        self.fallback_node = _fallback_id(blocking)
        self.bound: Runnable[StateT, ResultT] = blocking.callee.source
        if not is_awaitable(self.bound):
            del self.afunc  # By this LangGraph knows that it cannot stop the node.
        # By these a drawing tells what kind of Runnable the node is.
        self.__module__, kind = kind_of(self.bound)
        self.__name__ = getattr(self.bound, "__name__", kind)
        self.__qualname__ = qualname_of(self.bound, kind, blocking.name)

    @cached_property
    def deps(self) -> list[Runnable[Any, Any]]:
        """What it wraps."""
        return [self.bound]

    def __eq__(self, other: object) -> bool:
        # RunnableLambda compares functions, which are methods of the node itself here.
        return self is other

    def __hash__(self) -> int:  # type: ignore[override] # which takes hashing away
        return id(self)

    if not TYPE_CHECKING:  # A type checker would let any name pass.

        def __getattr__(self, name: str) -> Any:
            # LangGraph and others look for some things by name, such as the `tools_by_name` of a ToolNode.
            if name.startswith("_") or name in {"bound", "afunc"}:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self.bound, name)

    def __repr__(self) -> str:
        return f"<RunnableNode {self.name!r} of {type(self.bound).__name__}>"

    def run(self, state: StateT, config: RunnableConfig | None = None, **keywords: Any) -> Outcome:
        """The outcome as a value."""
        return drive(run_node(self._blocking, state, config, keywords))

    async def arun(self, state: StateT, config: RunnableConfig | None = None, **keywords: Any) -> Outcome:
        """The outcome as a value."""
        return await run_node(self._awaiting, state, config, keywords)

    def invoke(self, input: StateT, config: RunnableConfig | None = None, **keywords: Any) -> ResultT:  # noqa: A002 - Runnable's own name
        """Call the node."""
        outcome = self.run(input, config, **keywords)
        return cast("ResultT", deliver(outcome, self._on_error, self._schema, config))

    async def ainvoke(self, input: StateT, config: RunnableConfig | None = None, **keywords: Any) -> ResultT:  # noqa: A002
        """Call the node."""
        outcome = await self.arun(input, config, **keywords)
        return cast("ResultT", deliver(outcome, self._on_error, self._schema, config))

    # As a RunnableLambda it would report a run of its own around what it wraps.
    transform = Runnable.transform
    atransform = Runnable.atransform

    def stream(
        self,
        input: StateT,  # noqa: A002
        config: RunnableConfig | None = None,
        **keywords: Any,
    ) -> Iterator[ResultT]:
        """Stream what it wraps, for those who listen, and deliver the whole as one chunk."""
        outcome = drive(run_node(self._streaming, input, config, keywords))
        yield cast("ResultT", deliver(outcome, self._on_error, self._schema, config))

    async def astream(
        self,
        input: StateT,  # noqa: A002
        config: RunnableConfig | None = None,
        **keywords: Any,
    ) -> AsyncIterator[ResultT]:
        """The same as `stream()`. LangGraph calls it in `astream_events()`."""
        outcome = await run_node(self._streaming_async, input, config, keywords)
        yield cast("ResultT", deliver(outcome, self._on_error, self._schema, config))

    def __call__(self, state: StateT, config: RunnableConfig | None = None) -> ResultT:
        """The same as `invoke()`."""
        return self.invoke(state, config)


def sync_node(policies: NodePolicies) -> SyncNode[Any, Any]:
    """A node that blocks."""
    schema = _schema_watch(policies)

    def run(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        return drive(run_node(policies, state, config, injected))

    def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
        outcome = drive(run_node(policies, state, config, injected))
        return deliver(outcome, policies.on_error, schema, config)

    return cast("SyncNode[Any, Any]", _finished(node, run, policies))


def async_node(policies: NodePolicies) -> AsyncNode[Any, Any]:
    """A node that is awaited."""
    schema = _schema_watch(policies)

    async def run(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        return await run_node(policies, state, config, injected)

    async def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
        outcome = await run_node(policies, state, config, injected)
        return deliver(outcome, policies.on_error, schema, config)

    return cast("AsyncNode[Any, Any]", _finished(node, run, policies))


def _finished(node: Any, run: Any, policies: NodePolicies) -> Any:
    others = (policies.fallback,) if isinstance(policies.fallback, Callee) else ()
    dress(node, policies.callee, policies.name, others)
    node.run = run
    node.circuit_breaker = policies.circuit_breaker
    node.fallback_node = _fallback_id(policies)
    if is_callable_object(policies.callee.source):
        return ObjectNode(node, policies.callee.source)
    node.node = node
    return node


def _fallback_id(policies: NodePolicies) -> str | None:
    """The id of the node that is the fallback; None if it is a function, or there is none."""
    fallback = policies.fallback
    return None if fallback is None or isinstance(fallback, Callee) else fallback.node_id


def _schema_watch(policies: NodePolicies) -> SchemaWatch:
    return SchemaWatch(
        policies.name or policies.callee.name,
        captures=policies.on_error != "raise",
        is_graph=isinstance(policies.callee.source, PregelProtocol),
    )


def is_node(function: object) -> bool:
    """Whether `create_node()` made it."""
    # A decorator that copies the attributes of a node has not made a node.
    return isinstance(function, RunnableNode) or (
        function is not None and getattr(function, "node", None) is function
    )


def as_fallback(fallback: NodeFunction, runtime: Runtime) -> Callee:
    """A fallback in the colour of `runtime`. One that is a node keeps its policies; its failure is a failure here.

    Raises:
        TypeError: It cannot be called.
    """
    callee = Callee.of(fallback, prefer_async=runtime.is_async, field="fallback")
    function = callee.function
    if isinstance(fallback, RunnableNode):
        function = _raising(fallback.arun if callee.is_async else fallback.run, is_async=callee.is_async)
    elif is_node(fallback):
        node: Any = fallback
        function = _raising(node.run, is_async=callee.is_async)
    return replace(
        callee, function=runtime.adapt(function, is_async=callee.is_async), is_async=runtime.is_async
    )


def _raising(run: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """The `run` of a node as a function that raises its failure."""

    async def call_async(state: Any, **keywords: Any) -> Any:
        return _value_or_raise(await run(state, **keywords))

    def call(state: Any, **keywords: Any) -> Any:
        return _value_or_raise(run(state, **keywords))

    return call_async if is_async else call


def _value_or_raise(outcome: Outcome) -> Any:
    if isinstance(outcome, Success):
        return outcome.value
    raise outcome.exception
