"""The functions that a node calls: of which colour they are, and what they want to be given."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langgraph.runtime import Runtime as LangGraphRuntime

__all__ = ["INJECTABLE", "Callee", "NodeFunction"]

NodeFunction: TypeAlias = Callable[..., Any] | Runnable[Any, Any]
"""What can be made a node."""

# What LangGraph hands to a parameter of this name, and what a direct call in a unit test gets instead.
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
    """Call it as `function(state, **keywords)`."""
    is_async: bool
    """Whether the result is awaited."""
    source: Any
    """What the user gave."""
    name: str
    """What the user would call it."""
    parameters: tuple[inspect.Parameter, ...] = ()
    """Its signature; empty where it has none to read."""
    injected: frozenset[str] = frozenset()
    """Which of `INJECTABLE` it asks for."""
    required: tuple[str, ...] = field(default=())
    """Those of them without a default of their own."""

    @classmethod
    def of(cls, source: NodeFunction, *, prefer_async: bool = False, field: str = "fn") -> Callee:
        """Inspect what the user gave.

        Args:
            source: A function, a coroutine function, a callable object, a partial, a Runnable, or a dict of
                these, which all run side by side.
            prefer_async: For a Runnable, which can do both, the colour to call it in.
            field: Name of the option, for the message.

        Raises:
            TypeError: It cannot be called.
        """
        source = _as_langgraph_has_it(source)
        if isinstance(source, Runnable):
            return cls._of_runnable(source, prefer_async=prefer_async)
        if not callable(source):
            raise TypeError(
                f"{field}: expected a function, a coroutine function or a Runnable, got {source!r:.80}."
            )
        parameters = _parameters(source)
        injected = _injected(parameters)
        return cls(
            function=source,
            is_async=_is_coroutine_function(source),
            source=source,
            name=_name(source),
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
            name=_name(runnable),
            injected=frozenset({"config"}),
            required=("config",),
        )

    def streamed(self) -> Callee:
        """For a Runnable: the same, calling `stream()` or `astream()`, which reports what passes in between."""
        function = _last_of_astream if self.is_async else _last_of_stream
        return replace(self, function=functools.partial(function, self.source))

    def keywords(self, available: dict[str, Any]) -> dict[str, Any]:
        """Of what is available, what this function takes; with a stand-in for what it needs and nobody gave."""
        if not self._takes_anything:
            others = {parameter.name for parameter in self.parameters[1:]} - INJECTABLE.keys()
            names = others | self.injected
            available = {name: value for name, value in available.items() if name in names}
        return self.completed(available)

    def prepared(self, config: Any, keywords: dict[str, Any]) -> dict[str, Any]:
        """What LangGraph injected, with the config, which the runner was given in its stead."""
        if "config" in self.injected:
            keywords = {**keywords, "config": {} if config is None else config}
        return self.completed(keywords)

    def completed(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """`keywords`, with a stand-in for what the function needs and nobody gave, as in a unit test."""
        missing = {name: INJECTABLE[name]() for name in self.required if name not in keywords}
        return {**keywords, **missing} if missing else keywords

    @property
    def _takes_anything(self) -> bool:
        return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in self.parameters)


def _name(source: Any) -> str:
    """What the user would call it."""
    if isinstance(source, Runnable):
        return source.get_name()
    while isinstance(source, functools.partial):
        source = source.func
    return str(getattr(source, "__name__", type(source).__name__))


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(inspect.signature(function).parameters.values())
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
    """Whether it is called `config` and is something else with a default, to which LangGraph injects nothing."""
    empty = inspect.Parameter.empty
    if parameter.name != "config" or parameter.annotation is empty or parameter.default is empty:
        return False
    return "RunnableConfig" not in f"{parameter.annotation} {getattr(parameter.annotation, '__name__', '')}"


def _last_of_stream(runnable: Runnable[Any, Any], state: Any, config: Any, **keywords: Any) -> Any:
    whole = _Whole()
    for chunk in runnable.stream(state, config, **keywords):
        whole.add(chunk)
    return whole.value


async def _last_of_astream(runnable: Runnable[Any, Any], state: Any, config: Any, **keywords: Any) -> Any:
    whole = _Whole()
    chunks: Any = runnable.astream(state, config, **keywords)
    async with aclosing(chunks):
        async for chunk in chunks:
            whole.add(chunk)
    return whole.value


class _Whole:
    """What chunks come to, as LangChain adds them up: the last one, where they cannot be added."""

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


def _as_langgraph_has_it(source: Any) -> Any:
    """`source`, or the Runnable that LangGraph makes of it."""
    if (
        inspect.isgeneratorfunction(source)
        or inspect.isasyncgenfunction(source)
        or inspect.isasyncgenfunction(getattr(source, "__call__", None))  # noqa: B004
    ):
        made = RunnableLambda(source)  # What the generator yields is added up to the node's output.
        # add_sequence() calls a node by this.
        made.__name__ = getattr(source, "__name__", type(source).__name__)  # type: ignore[attr-defined]
        return made
    if isinstance(source, dict):
        with suppress(TypeError):  # It holds something else, and is refused by the caller.
            return RunnableParallel(source)
    return source


def _is_coroutine_function(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - a callable object's method tells its colour
    )
