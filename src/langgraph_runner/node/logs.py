"""Log events of nodes, such as `node.started`, and `create_node_logger()` for events of the user's own."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from langgraph_runner.errors.logs import emit
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.redaction import DEFAULT_SANITIZER

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from langgraph_runner.node.context import NodeContext

__all__ = [
    "LOGGER",
    "NodeLogger",
    "add_node_context",
    "as_log_level",
    "class_name",
    "create_node_logger",
    "log",
    "log_suppressed_error",
]

LOGGER: Final = "langgraph_runner.node"
_MAX_NAME_CHARS: Final = 256
_LEVELS: Final = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)


def as_log_level(level: int | str) -> int:
    """Read what was given as `log_level=`.

    Raises:
        ValueError: It is not a level of `logging`.
    """
    number = logging.getLevelNamesMapping().get(level.upper()) if isinstance(level, str) else level
    if isinstance(number, bool) or number not in _LEVELS:
        raise ValueError(f"log_level must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got {level!r}.")
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
    shown = {key: class_name(value) if isinstance(value, type) else value for key, value in fields.items()}
    return {"node": context.node_name, **story, **shown, "trace_id": context.trace_id}


def class_name(cls: type) -> str:
    """Return the name of a class, sanitized: a program can make a class with any name."""
    return DEFAULT_SANITIZER.text(cls.__name__, max_chars=_MAX_NAME_CHARS)


class NodeLogger:
    """Logs events with fields: `log.info("page fetched", pages=3)`. Made by `create_node_logger()`.

    Each method takes the event and any fields. Immutable and thread-safe; no method raises.
    """

    __slots__ = ("_fields", "node")

    def __init__(self, node: str, fields: Mapping[str, Any]) -> None:
        self.node = node
        self._fields = dict(fields)

    def bind(self, **fields: Any) -> Self:
        """Return a logger that adds these fields to each event."""
        return type(self)(self.node, {**self._fields, **fields})

    def debug(self, event: str, /, **fields: Any) -> None:
        """Log at level DEBUG."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        """Log at level INFO."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        """Log at level WARNING."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Log at level ERROR."""
        self._log(logging.ERROR, event, fields)

    def critical(self, event: str, /, **fields: Any) -> None:
        """Log at level CRITICAL."""
        self._log(logging.CRITICAL, event, fields)

    def exception(self, event: str, /, **fields: Any) -> None:
        """Log at level ERROR with the exception that is being handled. Its text is not sanitized."""
        self._log(logging.ERROR, event, {"exc_info": True, **fields})

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        # The line of the user, who called a method that called this one.
        emit(LOGGER, level, event, partial(self._all_fields, fields), stacklevel=3)

    def _all_fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        context = CURRENT_CONTEXT.get()
        ids = {} if context is None else {k: v for k, v in context.as_dict().items() if v is not None}
        return {**ids, "node": self.node, **self._fields, **fields}

    def __repr__(self) -> str:
        return f"<NodeLogger {self.node!r}>"


def create_node_logger(name: str) -> NodeLogger:
    """Make a logger for the code of a node, usable anywhere.

    Its events go where those of nodes go: into structlog if you have configured it, else into the logger
    `langgraph_runner.node` of `logging`. That is decided at each event, so make it at module level.
    Each event has the field `node`; inside a node call also `story_id`, `attempt`, `trace_id` and
    `graph_execution_id`.

    Args:
        name: The value of the field `node`.

    Raises:
        ValueError: `name` is not a non-empty string.

    Example:
        >>> log = create_node_logger("fetch")
        >>> log.info("page fetched", pages=3)
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a non-empty string, got {name!r}.")
    return NodeLogger(name, {})


def add_node_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: adds node, story, attempt and ids to every event that is logged inside a node.

    Put it into `structlog.configure(processors=[add_node_context, ...])`. Fields of the event win.
    """
    context = CURRENT_CONTEXT.get()
    if context is not None:
        for key, value in context.as_dict().items():
            if value is not None:
                event.setdefault(key, value)
    return event
