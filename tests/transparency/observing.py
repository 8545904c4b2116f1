"""Run a scenario in one form and record everything observable as plain data.

An observation is a function with a `Session` as its argument; `OBSERVATIONS` has all of them by name.
"""

from __future__ import annotations

import asyncio
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from langchain_core._api import LangChainBetaWarning
from langchain_core.runnables import RunnableConfig

from tests.transparency.plain import Plain
from tests.transparency.scenario import Form, Scenario

__all__ = ["Session", "observed"]

Observation = Callable[["Session"], Any]


class Session:
    """One graph on one thread, in one form. Its methods are sync or async as the form says."""

    def __init__(self, scenario: Scenario, form: Form, runner: asyncio.Runner | None) -> None:
        self.scenario = scenario
        self.form = form
        self.graph = scenario.build(form)
        self.records: list[Any] = []
        self._runner = runner

    @property
    def config(self) -> RunnableConfig:
        """A new config, because LangGraph changes the config that it receives."""
        given = dict(self.scenario.config)
        configurable = {"thread_id": "1", **given.pop("configurable", {})}
        return {"recursion_limit": 25, **given, "configurable": configurable}  # type: ignore[typeddict-item]

    def note(self, what: str, value: Any) -> None:
        """Record a value for the comparison."""
        self.records.append((what, value))

    def attempt(self, what: str, action: Callable[[], Any]) -> Any:
        """Record what `action` returns or raises."""
        try:
            value = action()
        except Exception as error:
            self.note(f"{what} raised", error)
            return None
        self.note(what, value)
        return value

    def turns(self) -> Iterator[Any]:
        """Yield the inputs; each is made when its turn begins."""
        for turn in self.scenario.turns:
            yield turn(self) if callable(turn) else turn

    def call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of the graph, or its async version."""
        if self._runner is None:
            return getattr(self.graph, method)(*arguments, **keywords)
        return self._runner.run(_awaited(getattr(self.graph, f"a{method}")(*arguments, **keywords)))

    def invoke(self, given: Any, config: RunnableConfig | None = None, **keywords: Any) -> Any:
        """Run the graph."""
        return self.call("invoke", given, config or self.config, **{**self.scenario.keywords, **keywords})

    def each(self, method: str, given: Any, **keywords: Any) -> None:
        """Record each item of a stream, also if the stream ends with an error."""
        config = keywords.pop("config", None) or self.config
        keywords = {**self.scenario.keywords, **keywords}
        if self._runner is None:
            self.records.extend(getattr(self.graph, method)(given, config, **keywords))
        else:
            self._runner.run(self._each_async(getattr(self.graph, f"a{method}")(given, config, **keywords)))

    async def _each_async(self, stream: Any) -> None:
        if not hasattr(stream, "__aiter__"):
            stream = await stream
        async for item in stream:
            self.records.append(item)

    def state(self, **keywords: Any) -> Any:
        """The snapshot of the thread."""
        return self.call("get_state", self.config, **keywords)

    def history(self) -> list[Any]:
        """The snapshots of the thread, newest first."""
        if self._runner is None:
            return list(self.graph.get_state_history(self.config))

        async def collect() -> list[Any]:
            return [snapshot async for snapshot in self.graph.aget_state_history(self.config)]

        return self._runner.run(collect())


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


@contextmanager
def _runner_of(form: Form) -> Iterator[asyncio.Runner | None]:
    if not form.is_awaited:
        yield None
        return
    with asyncio.Runner() as runner:
        yield runner


def observed(scenario: Scenario, form: Form, observation: Observation) -> list[Any]:
    """Return everything that one observation records of a scenario in one form, including warnings."""
    random.seed(0)  # A checkpointer draws random versions of channels, and LangGraph compares them.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _runner_of(form) as runner:
            session = Session(scenario, form, runner)
            observation(session)
    # LangGraph runs the functions of conditional edges in threads, also in an awaited run, and events show them.
    in_threads = form.mode != "async" or observation.__name__ == "events_v2"
    unordered = scenario.parallel and in_threads
    plain = Plain(numbered=not unordered)
    seen = [plain(record) for record in session.records]
    if unordered:
        seen = _in_one_order(seen)
    return [*seen, *(("warning", w.category.__name__, plain(str(w.message))) for w in caught if _is_ours(w))]


def _in_one_order(value: Any) -> Any:
    """Sort what depends on the order of threads, also in nested lists such as the interrupts of a snapshot."""
    if isinstance(value, (list, tuple)):
        return sorted(map(_in_one_order, value), key=repr)
    if isinstance(value, dict):
        return {key: _in_one_order(each) for key, each in value.items()}
    return value


def _is_ours(warning: warnings.WarningMessage) -> bool:
    # Warnings of the garbage collector may come from other tests, and "beta" warnings come once per process.
    return not issubclass(warning.category, (ResourceWarning, LangChainBetaWarning))


MODES: Final = ("values", "updates", "messages", "custom", "tasks", "debug", "checkpoints")
