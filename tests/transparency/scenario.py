"""A graph to compare, the forms in which it is built, and the registry of all graphs."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Final, Literal

from langgraph_runner import create_node

__all__ = ["ALL", "LIGHT", "LONG", "MEDIUM", "MODES", "Form", "Mode", "Scenario", "graph"]

Mode = Literal["sync", "async", "mixed"]
MODES: Final[tuple[Mode, ...]] = ("sync", "async", "mixed")


@dataclass(frozen=True)
class Form:
    """How one graph is built and run. The builder calls the form with each action of the graph.

    A sync graph has plain functions and is invoked; an async one has coroutine functions and is awaited; a
    mixed one has plain functions and is awaited.
    """

    mode: Mode
    wrapped: bool
    make: Callable[..., Any] = create_node
    """What makes a node of an action; another one shows that a comparison can fail."""

    @property
    def is_awaited(self) -> bool:
        """Whether the graph is run with its async methods."""
        return self.mode != "sync"

    def __call__(self, action: Any) -> Any:
        """Return the action in this form."""
        action = self.in_mode(action)
        return self.make(action, on_error="raise") if self.wrapped else action

    def in_mode(self, function: Any) -> Any:
        """Return a plain function in the mode of the graph, and any other action unchanged."""
        if self.mode != "async" or not isinstance(function, types.FunctionType) or _is_special(function):
            return function

        @functools.wraps(function)
        async def awaited(*arguments: Any, **keywords: Any) -> Any:
            return function(*arguments, **keywords)

        return awaited


def _is_special(function: Callable[..., Any]) -> bool:
    return iscoroutinefunction(function) or isgeneratorfunction(function) or isasyncgenfunction(function)


@dataclass(frozen=True)
class Scenario:
    """One graph, its inputs and its options."""

    name: str
    build: Callable[[Form], Any]
    turns: Sequence[Any] = ({},)
    """The inputs, one after the other on one thread. A function makes its input from the state before."""
    config: Mapping[str, Any] = field(default_factory=dict)
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """For each run: `context`, `interrupt_before`."""
    modes: tuple[Mode, ...] = MODES
    parallel: bool = False
    """Whether branches run at once: where threads are used, no two runs show the same order then."""
    only: tuple[str, ...] | None = None
    """The observations that are worth their time, where the graph differs little from others."""


LIGHT: Final = (
    *("results", "results_v2", "all_streams", "all_streams_v2", "events_v2", "callbacks", "structure"),
)
"""Observations that tell how a node is called and what it gives."""
MEDIUM: Final = (*LIGHT, "events_v3", "traces", "states")
"""With those that tell what happens inside, but without going back in time."""
LONG: Final = (*MEDIUM, "time_travel")
"""With that, but without each stream by itself."""
ALL: Final[dict[str, Scenario]] = {}


def graph(*turns: Any, **options: Any) -> Callable[[Callable[[Form], Any]], Callable[[Form], Any]]:
    """Register a builder as a scenario.

    Args:
        *turns: See `Scenario.turns`.
        **options: The other fields of `Scenario`. A module may define its default of `only` as `ONLY`.
    """

    def register(build: Callable[[Form], Any]) -> Callable[[Form], Any]:
        family = build.__module__.rpartition(".")[2]
        name = f"{family}.{build.__name__}"
        options.setdefault("only", build.__globals__.get("ONLY"))
        assert name not in ALL, name
        ALL[name] = Scenario(name, build, turns or ({},), **options)
        return build

    return register
