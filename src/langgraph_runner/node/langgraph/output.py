"""What a function may return, and what to say about everything else."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from langgraph_runner.errors import InvalidNodeOutputError
from langgraph_runner.errors.hints import with_article
from langgraph_runner.node.langgraph.internals import writes_fields

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["checked_output"]

_EXPECTED = "Return a dict of state fields, None, a Command, or a list that holds Commands."


def checked_output(value: Any, node: str, config: RunnableConfig | None) -> Any:
    """Return `value` if LangGraph can write it to a state.

    Accepted are what LangGraph accepts. Where the state has fields: a dict with string keys, None (no update), a
    `Command`, a list or tuple that holds a `Command`, and an object with annotated fields (pydantic, dataclass).
    Where what a node returns is written as a whole, anything: for a state that is one value, for the functional
    API, for a `NodeBuilder`.

    Raises:
        InvalidNodeOutputError: Anything else: a number, a string, a plain list, a generator, a coroutine that was
            not awaited (it is closed), a dict with a key that is not a string.
    """
    if type(value) is dict or isinstance(value, dict):
        for key in value:
            if type(key) is not str and not isinstance(key, str):
                return _value_or_refuse(
                    value,
                    node,
                    config,
                    f"a dict with the key {key!r:.80} of type {type(key).__name__}",
                    "The names of state fields are strings.",
                )
        return value
    if value is None or isinstance(value, Command) or _holds_command(value) or _is_annotated(value):
        return value
    return _value_or_refuse(value, node, config)


def _value_or_refuse(
    value: Any, node: str, config: RunnableConfig | None, found: str | None = None, fix: str | None = None
) -> Any:
    """Return `value` after all if the running graph has no fields to write to."""
    if not writes_fields(config):
        return value
    raise InvalidNodeOutputError(
        node=node, found=found or with_article(type(value).__name__), fix=fix or _fix(value)
    )


def _holds_command(value: object) -> bool:
    return (
        isinstance(value, (list, tuple))
        and any(isinstance(item, Command) for item in value)
        and all(item is None or isinstance(item, (Command, dict)) or _is_annotated(item) for item in value)
    )


def _is_annotated(value: object) -> bool:
    if isinstance(value, (type, list, tuple, set)):
        return False
    return any(inspect.get_annotations(cls) for cls in type(value).__mro__)


def _fix(value: object) -> str:
    if inspect.iscoroutine(value):
        value.close()  # Or Python warns that it was never awaited.
        return 'The function returns a coroutine: declare it as "async def", or await inside.'
    if inspect.isgenerator(value):
        value.close()
        return f"The function returns a generator, which is not consumed. {_EXPECTED}"
    return _EXPECTED
