"""Giving a node the signature of its function, for LangGraph, for `inspect` and for readers.

LangGraph reads a node's signature to decide what to inject, its first annotation to infer the input schema, and
its return annotation to draw the edges of `Command[Literal[...]]`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig

from langgraph_runner.annotations import annotations_of
from langgraph_runner.node.callee import without_partial

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import Runnable

    from langgraph_runner.node.callee import Callee

__all__ = ["dress", "qualname_of"]

_STATE = inspect.Parameter("state", inspect.Parameter.POSITIONAL_OR_KEYWORD)
# LangGraph compares annotations literally, and injects the config for exactly this one.
_CONFIG = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=RunnableConfig)


def dress(
    wrapper: Callable[..., Any], callee: Callee, name: str | None, others: tuple[Callee, ...] = ()
) -> None:
    """Give `wrapper` the identity, the annotations and the signature of `callee`.

    Args:
        wrapper: A function made for this node alone; it is changed in place.
        callee: What it wraps.
        name: The node's name, if it was given one. It becomes part of `__qualname__`, so that LangGraph's node
            cache keeps apart two nodes made of one function, or of the closures of one factory.
        others: Further functions that the wrapper calls; what LangGraph injects into them is added.
    """
    source = _function_behind(callee.source)
    wrapper.__dict__.update(getattr(source, "__dict__", {}))
    wrapper.__name__ = callee.name if name is None else name
    qualname = getattr(source, "__qualname__", callee.name)
    wrapper.__qualname__ = qualname if name is None else f"{qualname}[{name}]"
    wrapper.__module__ = getattr(source, "__module__", None) or wrapper.__module__
    wrapper.__doc__ = getattr(source, "__doc__", None)
    wrapper.__annotations__ = {**_annotations(source), "config": RunnableConfig}
    # LangGraph looks here for annotations' namespaces, and for the subgraphs that a node calls. It takes a single
    # step: from a decorated function to what was decorated.
    wrapper.__wrapped__ = getattr(source, "__wrapped__", source)  # type: ignore[attr-defined]
    wrapper.__signature__ = _signature(callee, others)  # type: ignore[attr-defined]


def qualname_of(runnable: Runnable[Any, Any], kind: str, name: str | None) -> str:
    """The qualified name of the node of a Runnable, by which LangGraph's node cache identifies it.

    `kind` is the name of its class, `name` that of the node, if it was given one.
    """
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    qualname = getattr(function, "__qualname__", None)
    if qualname is not None:
        kind = f"{kind}({getattr(function, '__module__', None)}.{qualname})"
    return kind if name is None else f"{kind}[{name}]"


def _function_behind(source: Any) -> Any:
    source = without_partial(source)
    if inspect.isroutine(source) or isinstance(source, type):
        return source
    return source.__call__


def _annotations(source: Any) -> dict[str, Any]:
    try:
        return dict(annotations_of(source))
    except TypeError:  # Some callables have none to read.
        return {}


def _signature(callee: Callee, others: tuple[Callee, ...]) -> inspect.Signature:
    parameters = {p.name: _as_asked(p) for p in callee.parameters} or {_STATE.name: _STATE}
    for other in others:
        for parameter in other.parameters[1:]:
            if parameter.name in other.injected and parameter.name not in parameters:
                parameters[parameter.name] = parameter.replace(
                    kind=inspect.Parameter.KEYWORD_ONLY, default=None
                )
    parameters.setdefault(_CONFIG.name, _CONFIG)
    returns = _annotations(_function_behind(callee.source)).get("return", inspect.Signature.empty)
    ordered = sorted(parameters.values(), key=lambda parameter: parameter.kind)
    return inspect.Signature(_defaults_last(ordered), return_annotation=returns)


def _as_asked(parameter: inspect.Parameter) -> inspect.Parameter:
    # `config: "RunnableConfig | None"` is a string that LangGraph does not recognise: the function would get
    # None, and so would the runner.
    return parameter.replace(annotation=RunnableConfig) if parameter.name == "config" else parameter


def _defaults_last(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """The same parameters in an order that a signature allows."""
    positional = [p for p in parameters if p.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
    rest = parameters[len(positional) :]
    return [*sorted(positional, key=lambda p: p.default is not inspect.Parameter.empty), *rest]
