"""The log events of a node: `node.started`, `.completed`, `.failed`, `.cancelled`, `.interrupted`, `.retrying`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import DEFAULT_SANITIZER

if TYPE_CHECKING:
    from langgraph_runner.node.call import NodeCall

__all__ = ["LOGGER", "as_log_level", "log"]

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
        ValueError: It is none of the levels of `logging`.
    """
    number = logging.getLevelNamesMapping().get(level.upper()) if isinstance(level, str) else level
    if isinstance(number, bool) or number not in _METHODS:
        known = ", ".join(name.upper() for name in _METHODS.values())
        raise ValueError(f"log_level: {level!r} is not one of {known}.")
    return number


def log(level: int, event: str, call: NodeCall, *, needs_handler: bool = False, **fields: Any) -> None:
    """Log an event of `call` with the node's name, story and trace. Raises no `Exception`.

    A field that is a class is logged as its sanitized name: a program may make up the name of an exception class.
    With `needs_handler` a program that configures no logging does not print it, whatever its level.
    """
    emit(LOGGER, level, event, partial(_told, call, fields), needs_handler=needs_handler)


def _told(call: NodeCall, fields: dict[str, Any]) -> dict[str, Any]:
    story = {} if call.story_id is None else {"story_id": call.story_id}
    shown = {key: _class_name(value) if isinstance(value, type) else value for key, value in fields.items()}
    return {"node": call.name, **story, **shown, "trace_id": call.trace_id}


def _class_name(cls: type) -> str:
    return DEFAULT_SANITIZER.text(cls.__name__, max_chars=_MAX_NAME_CHARS)
