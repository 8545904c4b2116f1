"""The forms of a node: a function, a coroutine function, an object that is called, and a Runnable that is both."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import replace
from functools import cached_property
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.pregel.protocol import PregelProtocol

from langgraph_runner.node.callee import Callee
from langgraph_runner.node.fast_path import FastPath
from langgraph_runner.node.langgraph.internals import is_awaitable, kind_of
from langgraph_runner.node.langgraph.schema import SchemaWatch
from langgraph_runner.node.langgraph.signature import dress, qualname_of
from langgraph_runner.node.options import CheckedOptions
from langgraph_runner.node.outcome import Outcome
from langgraph_runner.node.pipeline import Pipeline
from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
from langgraph_runner.runtime.runtimes import drive

__all__ = ["AsyncNode", "RunnableNode", "SyncNode", "async_node", "sync_node"]

StateT = TypeVar("StateT")
StateT_contra = TypeVar("StateT_contra", contravariant=True)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

# Python 3.14 copies `__annotate__` instead, which a node does not have.
_ASSIGNED = (*functools.WRAPPER_ASSIGNMENTS, "__annotations__")
_OWN = frozenset(
    (
        *_ASSIGNED,
        "__signature__",
        "__wrapped__",
        "run",
        "circuit_breaker",
        "fallback_node",
    )
)
"""The attributes that a node has itself, even if the object has one of the same name."""


class SyncNode(Protocol[StateT_contra, ResultT_co]):
    """A node made of a plain function: call it, or pass it to `add_node()`."""

    circuit_breaker: NodeCircuitBreaker | None
    """Its circuit breaker, to observe, reset or share; None without one."""

    def __call__(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> ResultT_co:
        """Call the node: what the function returns or, with `on_error="capture"`, a failure as a partial state."""
        ...

    def run(self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        """Call the node, and return the outcome as a value: no failure is captured into a state or raised."""
        ...


class AsyncNode(Protocol[StateT_contra, ResultT_co]):
    """A node made of a coroutine function."""

    circuit_breaker: NodeCircuitBreaker | None
    """Its circuit breaker, to observe, reset or share; None without one."""

    def __call__(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> Coroutine[Any, Any, ResultT_co]:
        """Call the node: what the function returns or, with `on_error="capture"`, a failure as a partial state."""
        ...

    def run(
        self, state: StateT_contra, config: RunnableConfig | None = None, **injected: Any
    ) -> Coroutine[Any, Any, Outcome]:
        """Call the node, and return the outcome as a value: no failure is captured into a state or raised."""
        ...


class RunnableNode(RunnableLambda[StateT, ResultT]):
    """A node made of a Runnable (a chain, a model, a compiled graph): sync and async, as that is.

    Thread-safe. Sync and async calls share its policies. It is a `RunnableLambda` because that has `deps`, in which
    LangGraph looks for subgraphs.
    """

    def __init__(self, blocking: CheckedOptions, awaiting: CheckedOptions) -> None:
        super().__init__(self.invoke, self.ainvoke, name=blocking.name or blocking.callee.name)
        schema = _schema_watch(blocking)
        self._blocking = Pipeline(blocking, schema)
        self._awaiting = Pipeline(awaiting, schema)
        self._streaming = Pipeline(replace(blocking, callee=blocking.callee.streamed()), schema)
        self._streaming_async = Pipeline(replace(awaiting, callee=awaiting.callee.streamed()), schema)
        self.circuit_breaker = blocking.circuit_breaker
        self.fallback_node = _fallback_id(blocking)
        self.bound: Runnable[StateT, ResultT] = blocking.callee.source
        if not is_awaitable(self.bound):
            del self.afunc  # Without it, LangGraph knows that it cannot stop the node.
        # A drawing reads these for the kind of Runnable that the node is.
        self.__module__, kind = kind_of(self.bound)
        self.__name__ = getattr(self.bound, "__name__", kind)
        self.__qualname__ = qualname_of(self.bound, kind, blocking.name)

    @cached_property
    def deps(self) -> list[Runnable[Any, Any]]:
        """The Runnable that it wraps."""
        return [self.bound]

    @property
    def node(self) -> RunnableNode[StateT, ResultT]:
        """Itself: by this `is_node()` knows a node."""
        return self

    def __eq__(self, other: object) -> bool:
        # RunnableLambda compares functions, which are methods of the node itself here.
        return self is other

    def __hash__(self) -> int:  # type: ignore[override] # which takes hashing away
        return id(self)

    if not TYPE_CHECKING:  # A type checker would let any name pass.

        def __getattr__(self, name: str) -> Any:
            # LangGraph and others look for some things by name, such as the `_tools_by_name` of a ToolNode.
            if name.startswith("__") or name in {"bound", "afunc"}:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self.bound, name)

    def __repr__(self) -> str:
        return f"<RunnableNode {self.name!r} of {type(self.bound).__name__}>"

    def run(self, state: StateT, config: RunnableConfig | None = None, **keywords: Any) -> Outcome:
        """Call the node, and return the outcome as a value."""
        outcome: Outcome = drive(self._blocking.run(state, config, keywords, wants_outcome=True))
        return outcome

    async def arun(self, state: StateT, config: RunnableConfig | None = None, **keywords: Any) -> Outcome:
        """Call the node, and return the outcome as a value."""
        outcome: Outcome = await self._awaiting.run(state, config, keywords, wants_outcome=True)
        return outcome

    def invoke(self, input: StateT, config: RunnableConfig | None = None, **keywords: Any) -> ResultT:  # noqa: A002 - Runnable's own name
        """Call the node."""
        result: ResultT = drive(self._blocking.run(input, config, keywords, wants_outcome=False))
        return result

    async def ainvoke(self, input: StateT, config: RunnableConfig | None = None, **keywords: Any) -> ResultT:  # noqa: A002
        """Call the node."""
        result: ResultT = await self._awaiting.run(input, config, keywords, wants_outcome=False)
        return result

    # As a RunnableLambda it would report a run of its own around what it wraps.
    transform = Runnable.transform
    atransform = Runnable.atransform

    def stream(
        self,
        input: StateT,  # noqa: A002
        config: RunnableConfig | None = None,
        **keywords: Any,
    ) -> Iterator[ResultT]:
        """Stream what it wraps, for listeners, and yield the whole as one chunk."""
        yield drive(self._streaming.run(input, config, keywords, wants_outcome=False))

    async def astream(
        self,
        input: StateT,  # noqa: A002
        config: RunnableConfig | None = None,
        **keywords: Any,
    ) -> AsyncIterator[ResultT]:
        """The same as `stream()`. LangGraph calls it in `astream_events()`."""
        yield await self._streaming_async.run(input, config, keywords, wants_outcome=False)

    def __call__(self, state: StateT, config: RunnableConfig | None = None) -> ResultT:
        """The same as `invoke()`."""
        return self.invoke(state, config)


class ObjectNode:
    """A node that calls `function` and reads all other attributes from `target`, the object that it was made of.

    Thread-safe as far as the object is. A copy is a node of the same object.
    """

    def __init__(self, function: Any, target: object) -> None:
        own = vars(self)
        own.update({name: getattr(function, name) for name in _OWN if hasattr(function, name)})
        own.update(_function=function, _target=target, node=self)
        # LangGraph looks at the attribute `__call__` for annotations and for async; Python calls that of the class.
        own["__call__"] = MethodType(_as_method(function), self)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the node."""
        return vars(self)["_function"](*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        target = vars(self).get("_target")
        if target is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = vars(self)
        if name not in own and hasattr(own["_target"], name):
            setattr(own["_target"], name, value)
        else:
            own[name] = value

    def __repr__(self) -> str:
        return f"<node of {vars(self)['_target']!r}>"

    def __copy__(self) -> ObjectNode:
        return ObjectNode(vars(self)["_function"], vars(self)["_target"])


def sync_node(options: CheckedOptions) -> SyncNode[Any, Any]:
    """Make a node that blocks."""
    pipeline = Pipeline(options, _schema_watch(options))

    def run(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        outcome: Outcome = drive(pipeline.run(state, config, injected, wants_outcome=True))
        return outcome

    if FastPath.serves(options):
        node = FastPath(pipeline).blocking()
    else:

        def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
            return drive(pipeline.run(state, config, injected, wants_outcome=False))

    return cast("SyncNode[Any, Any]", _finished(node, run, options))


def async_node(options: CheckedOptions) -> AsyncNode[Any, Any]:
    """Make a node that is awaited."""
    pipeline = Pipeline(options, _schema_watch(options))

    async def run(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Outcome:
        outcome: Outcome = await pipeline.run(state, config, injected, wants_outcome=True)
        return outcome

    if FastPath.serves(options):
        node = FastPath(pipeline).awaited()
    else:

        async def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
            return await pipeline.run(state, config, injected, wants_outcome=False)

    return cast("AsyncNode[Any, Any]", _finished(node, run, options))


def _finished(node: Any, run: Any, options: CheckedOptions) -> Any:
    others = (options.fallback,) if isinstance(options.fallback, Callee) else ()
    dress(node, options.callee, options.name, others)
    node.run = run
    node.circuit_breaker = options.circuit_breaker
    node.fallback_node = _fallback_id(options)
    if _is_callable_object(options.callee.source):
        return ObjectNode(node, options.callee.source)
    node.node = node
    return node


def _is_callable_object(source: object) -> bool:
    """Whether `source` is an instance with a `__call__` of its class, and state of its own."""
    return not (
        inspect.isroutine(source) or isinstance(source, (type, functools.partial)) or not callable(source)
    )


def _as_method(function: Any) -> Any:
    """`function` with a first argument that it ignores."""

    @functools.wraps(function, assigned=_ASSIGNED)
    async def call_async(_self: object, *arguments: Any, **keywords: Any) -> Any:
        return await function(*arguments, **keywords)

    @functools.wraps(function, assigned=_ASSIGNED)
    def call(_self: object, *arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    return call_async if inspect.iscoroutinefunction(function) else call


def _fallback_id(options: CheckedOptions) -> str | None:
    """The id of the node that is the fallback; None if the fallback is a function, or the node has no fallback."""
    fallback = options.fallback
    return None if fallback is None or isinstance(fallback, Callee) else fallback.node_id


def _schema_watch(options: CheckedOptions) -> SchemaWatch:
    return SchemaWatch(
        options.name or options.callee.name,
        captures=options.on_error != "raise",
        is_graph=isinstance(options.callee.source, PregelProtocol),
    )
