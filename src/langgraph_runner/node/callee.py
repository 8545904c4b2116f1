"""The functions that a node calls: whether they are async, and what they want to be given."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langgraph.runtime import Runtime as LangGraphRuntime

from langgraph_runner.annotations import signature_of
from langgraph_runner.node.langgraph.internals import completed_config
from langgraph_runner.node.outcome import Outcome, Success

if TYPE_CHECKING:
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["INJECTABLE", "Callee", "NodeFunction", "as_fallback", "is_node", "name_of", "without_partial"]

NodeFunction: TypeAlias = Callable[..., Any] | Runnable[Any, Any]
"""What `create_node()` makes a node of."""

# What LangGraph injects into a parameter of this name, with the value that a direct call in a unit test gets.
INJECTABLE: Final[dict[str, Callable[[], Any]]] = {
    "config": dict,
    "runtime": LangGraphRuntime,
    "store": lambda: None,
    "writer": lambda: lambda _: None,
    "previous": lambda: None,
    "error": lambda: None,
}
_KEYWORD_KINDS: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Callee:
    """A function to call with a state."""

    function: Callable[..., Any]
    """Called as `function(state, **keywords)`."""
    is_async: bool
    """Whether the result is awaited."""
    source: Any
    """What the user gave."""
    name: str
    """Its name for the user."""
    parameters: tuple[inspect.Parameter, ...] = ()
    """Its signature; empty where it has none to read."""
    injected: frozenset[str] = frozenset()
    """The parameters of `INJECTABLE` that it has."""
    required: tuple[str, ...] = ()
    """Those of them without a default of their own."""

    @classmethod
    def of(cls, source: NodeFunction, *, prefer_async: bool = False, field: str = "fn") -> Callee:
        """Inspect what the user gave.

        Args:
            source: A function, a coroutine function, a callable object, a partial, a Runnable, or a dict of
                these, which all run side by side.
            prefer_async: For a Runnable, which can do both, whether to await it.
            field: Name of the option, for the message.

        Raises:
            TypeError: It cannot be called.
        """
        source = _as_langgraph_calls_it(source)
        if isinstance(source, Runnable):
            return cls._of_runnable(source, prefer_async=prefer_async)
        if not callable(source):
            raise TypeError(
                f"{field} must be a function, a coroutine function or a Runnable, got {source!r:.80}."
            )
        parameters = _parameters(source)
        injected = _injected(parameters)
        return cls(
            function=source,
            is_async=_is_coroutine_function(source),
            source=source,
            name=name_of(source),
            parameters=parameters,
            injected=frozenset(parameter.name for parameter in injected),
            required=tuple(p.name for p in injected if p.default is inspect.Parameter.empty),
        )

    @classmethod
    def _of_runnable(cls, runnable: Runnable[Any, Any], *, prefer_async: bool) -> Callee:
        return cls(
            function=runnable.ainvoke if prefer_async else runnable.invoke,
            is_async=prefer_async,
            source=runnable,
            name=name_of(runnable),
            injected=frozenset({"config"}),
            required=("config",),
        )

    def streamed(self) -> Callee:
        """For a Runnable: the same with `stream()` or `astream()`, which report intermediate results."""
        function = _last_of_astream if self.is_async else _last_of_stream
        return replace(self, function=functools.partial(function, self.source))

    def keywords(self, available: dict[str, Any]) -> dict[str, Any]:
        """Select the keyword arguments that the function accepts; fill in missing required ones."""
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in self.parameters):
            # A parameter that is called like one of LangGraph's, but is the function's own, keeps its default.
            others = {parameter.name for parameter in self.parameters[1:]} - INJECTABLE.keys()
            names = others | self.injected
            available = {name: value for name, value in available.items() if name in names}
        return self.completed(available)

    def prepared(self, config: Any, keywords: dict[str, Any]) -> dict[str, Any]:
        """What LangGraph injected, with the config, which LangGraph gives to the runner and not to the function."""
        if "config" in self.injected:
            if not config or "configurable" not in config:
                config = completed_config(config)
            keywords = {**keywords, "config": config}
        return self.completed(keywords)

    def completed(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """Fill in missing required keyword arguments, as in a unit test, where LangGraph injects nothing."""
        missing = {name: INJECTABLE[name]() for name in self.required if name not in keywords}
        return {**keywords, **missing} if missing else keywords


def name_of(source: Any) -> str:
    """The name of a function, of a partial of one or of a Runnable; else the name of its class."""
    source = without_partial(source)
    if isinstance(source, Runnable):
        return source.get_name()
    return str(getattr(source, "__name__", type(source).__name__))


def without_partial(function: Any) -> Any:
    """The function that a `functools.partial`, or several, call in the end."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(signature_of(function).parameters.values())
    except (TypeError, ValueError):  # Some builtins have no signature.
        return ()


def _injected(parameters: tuple[inspect.Parameter, ...]) -> list[inspect.Parameter]:
    # The first parameter is the state, whatever its name.
    return [
        p
        for p in parameters[1:]
        if p.name in INJECTABLE and p.kind in _KEYWORD_KINDS and not _is_own_config(p)
    ]


def _is_own_config(parameter: inspect.Parameter) -> bool:
    """Whether a parameter `config` is not LangGraph's: it has another type and a default, so nothing is injected."""
    empty = inspect.Parameter.empty
    if parameter.name != "config" or parameter.annotation is empty or parameter.default is empty:
        return False
    return "RunnableConfig" not in f"{parameter.annotation} {getattr(parameter.annotation, '__name__', '')}"


def _last_of_stream(runnable: Runnable[Any, Any], state: Any, config: Any, **keywords: Any) -> Any:
    total = _Sum()
    for chunk in runnable.stream(state, config, **keywords):
        total.add(chunk)
    return total.value


async def _last_of_astream(runnable: Runnable[Any, Any], state: Any, config: Any, **keywords: Any) -> Any:
    total = _Sum()
    chunks: Any = runnable.astream(state, config, **keywords)
    async with aclosing(chunks):
        async for chunk in chunks:
            total.add(chunk)
    return total.value


class _Sum:
    """Adds chunks up as LangChain does; the last one counts where they cannot be added."""

    value: Any = None
    _is_first = True

    def add(self, chunk: Any) -> None:
        if self._is_first:
            self.value, self._is_first = chunk, False
            return
        try:
            self.value = self.value + chunk
        except TypeError:
            self.value = chunk


def _as_langgraph_calls_it(source: Any) -> Any:
    """`source`, or the Runnable that LangGraph makes of it."""
    if (
        inspect.isgeneratorfunction(source)
        or inspect.isasyncgenfunction(source)
        or inspect.isasyncgenfunction(getattr(source, "__call__", None))  # noqa: B004
    ):
        # The values that the generator yields are added up to the node's output.
        made = RunnableLambda(source)
        # add_sequence() calls a node by this.
        made.__name__ = getattr(source, "__name__", type(source).__name__)  # type: ignore[attr-defined]
        return made
    if isinstance(source, dict):
        with suppress(TypeError):  # It holds something else, and is refused by the caller.
            return RunnableParallel(source)
    return source


def _is_coroutine_function(function: Callable[..., Any]) -> bool:
    function = without_partial(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - of a callable object its method counts
    )


def is_node(function: object) -> bool:
    """Whether `create_node()` made it."""
    # A decorator that copies the attributes of a node has not made a node.
    return function is not None and getattr(function, "node", None) is function


def as_fallback(fallback: NodeFunction, runtime: Runtime) -> Callee:
    """Make a fallback that `runtime` can call. One that is a node keeps its policies; its failure is raised.

    Raises:
        TypeError: It cannot be called.
    """
    callee = Callee.of(fallback, prefer_async=runtime.is_async, field="fallback")
    function = callee.function
    if is_node(fallback):
        node: Any = fallback
        # The node of a Runnable has a method for each kind of call; of other nodes `run` is as async as they are.
        run = node.arun if callee.is_async and isinstance(fallback, Runnable) else node.run
        function = _raising(run, is_async=callee.is_async)
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
