"""A pytest plugin for LangGraph's own tests, which counts their actions and wraps each in a node.

`upstream_suite.py` loads it with `-p upstream_wrapping`, also in each worker of xdist. With `UPSTREAM_WRAP=1` it
wraps the actions, otherwise it only counts them. It writes the outcomes to the file `UPSTREAM_REPORT` as JSON.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from langgraph.func import _TaskFunction, entrypoint
from langgraph.graph.state import StateGraph
from langgraph.pregel.main import NodeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRAPS: Final = os.environ.get("UPSTREAM_WRAP") == "1"
SEEN: Final = Counter[str]()
"""How many actions of each kind the tests added; `left out` are those that a node cannot replace."""
DONE: Final = Counter[str]()
"""How many nodes of each kind were made, and the number of their `calls`."""
OUTCOMES: Final[dict[str, str]] = {}
BUILDING: Final = set[str]()
"""The tests that add actions."""
TOTALS: Final[dict[str, Counter[str]]] = {"seen": Counter(), "done": Counter()}
_INJECTED: Final = {"config", "runtime", "store", "writer", "previous", "error"}


def as_node(kind: str, action: Any) -> Any:
    """Return a node in place of `action`."""
    if action is None:  # LangGraph refuses None, or takes the first argument as the action.
        return None
    SEEN[kind] += 1
    if not WRAPS:
        return action
    node = create_node(action, on_error="raise")
    DONE[kind] += 1
    return node


def _with_nodes() -> None:
    """Patch LangGraph so that each added action is wrapped in a node."""
    _replace(StateGraph, "add_node", _add_node)
    _replace(NodeBuilder, "do", lambda do, builder, action: do(builder, as_node("NodeBuilder", action)))
    _replace(entrypoint, "__call__", _entrypoint)
    _replace(_TaskFunction, "__init__", _task)


def _replace(owner: type, name: str, replacement: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(functools.partialmethod(_call, replacement, original)))


def _call(
    owner: Any, replacement: Callable[..., Any], original: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    return replacement(original, owner, *args, **kwargs)


def _add_node(add_node: Callable[..., Any], graph: Any, node: Any, action: Any = None, **options: Any) -> Any:
    if isinstance(node, str):
        action = as_node("add_node", action)
    else:
        node = as_node("add_node", node)
    if "error_handler" in options:
        options["error_handler"] = as_node("error_handler", options["error_handler"])
    return add_node(graph, node, action, **options)


def _entrypoint(call: Callable[..., Any], decorator: Any, function: Any) -> Any:
    refused = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if refused or not inspect.signature(function).parameters:
        return call(decorator, function)  # LangGraph refuses these, and its tests check that.
    return call(decorator, as_node("entrypoint", function))


def _task(init: Callable[..., Any], task: Any, function: Any, **options: Any) -> None:
    # A node takes one argument, the state. A task with one parameter has the same shape.
    if _takes_one(function):
        function = as_node("task", function)
    else:
        SEEN["left out"] += 1
    init(task, function, **options)


def _takes_one(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    parameters = list(inspect.signature(function).parameters.values())
    own = [p for p in parameters if p.name not in _INJECTED]
    return (
        len(own) == 1 and own[0] is parameters[0] and own[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    )


def _counted_calls() -> None:
    """Count the calls that begin in the pipeline, and those of the fast path."""
    run, begin = Pipeline.run, FastPath._begin  # noqa: SLF001

    def counted_run(*arguments: Any, **options: Any) -> Any:
        DONE["calls"] += 1
        return run(*arguments, **options)

    def counted_begin(*arguments: Any) -> Any:
        call = begin(*arguments)
        DONE["calls"] += call is not None
        return call

    Pipeline.run = counted_run
    FastPath._begin = counted_begin  # noqa: SLF001


if WRAPS:
    from langgraph_runner import create_node
    from langgraph_runner.node.fast_path import FastPath
    from langgraph_runner.node.pipeline import Pipeline

    _counted_calls()
_with_nodes()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note whether the test adds actions; xdist sends the note to the process that writes the report."""
    before = SEEN.total()
    try:
        yield
    finally:
        item.user_properties.append(("adds_actions", SEEN.total() > before))


@pytest.hookimpl
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst outcome of each test, with its set-up and tear-down."""
    if ("adds_actions", True) in map(tuple, report.user_properties):
        BUILDING.add(report.nodeid)
    if report.failed:
        OUTCOMES[report.nodeid] = "failed"
    elif report.skipped or report.when == "call":
        OUTCOMES.setdefault(report.nodeid, report.outcome)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of an xdist worker."""
    for name, counts in getattr(node, "workeroutput", {}).get("upstream", {}).items():
        TOTALS[name].update(counts)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Send the counts to the controller, or write the report."""
    yield
    counts = {"seen": dict(SEEN), "done": dict(DONE)}
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["upstream"] = counts
        return
    for name, counted in counts.items():
        TOTALS[name].update(counted)
    report = {"outcomes": OUTCOMES, "building": len(BUILDING), **TOTALS}
    Path(os.environ["UPSTREAM_REPORT"]).write_text(json.dumps(report), encoding="utf-8")
