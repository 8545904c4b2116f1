"""The log events of nodes: `node.started`, `.completed`, `.failed`, `.cancelled`, `.interrupted`, `.retrying`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import DEFAULT_SANITIZER

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext

__all__ = ["LOGGER", "as_log_level", "log", "log_suppressed_error"]

LOGGER: Final = "langgraph_runner.node"
_MAX_NAME_CHARS: Final = 256

_METHODS: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}


def as_log_level(level: int | str) -> int:
    """Read what was given as `log_level=`.

    Raises:
        ValueError: It is not a level of `logging`.
    """
    number = logging.getLevelNamesMapping().get(level.upper()) if isinstance(level, str) else level
    if isinstance(number, bool) or number not in _METHODS:
        known = ", ".join(name.upper() for name in _METHODS.values())
        raise ValueError(f"log_level must be one of {known}, got {level!r}.")
    return number


def log(level: int, event: str, context: NodeContext, *, needs_handler: bool = False, **fields: Any) -> None:
    """Log an event of a node call with the node's name, story and trace. Raises no `Exception`.

    A field that is a class is logged as its sanitized name: a program may make up the name of an exception class.
    With `needs_handler` a program that configures no logging does not print it, whatever its level.
    """
    emit(LOGGER, level, event, partial(_all_fields, context, fields), needs_handler=needs_handler)


def log_suppressed_error(context: NodeContext, event: str, error: BaseException) -> None:
    """Log an error that does not fail the node: of a callback, a collector, a predicate."""
    log(logging.WARNING, event, context, error_type=type(error))


def _all_fields(context: NodeContext, fields: dict[str, Any]) -> dict[str, Any]:
    story = {} if context.story_id is None else {"story_id": context.story_id}
    shown = {key: _class_name(value) if isinstance(value, type) else value for key, value in fields.items()}
    return {"node": context.node_name, **story, **shown, "trace_id": context.trace_id}


def _class_name(cls: type) -> str:
    return DEFAULT_SANITIZER.text(cls.__name__, max_chars=_MAX_NAME_CHARS)
