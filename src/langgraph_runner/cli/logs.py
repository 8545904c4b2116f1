"""The log of the commands that run for long, `serve` and `worker`, on stderr.

The command line is the application, so it may configure `logging` and structlog; the package itself never does.
Events of the package, of the app and of uvicorn go the same way. An app that has configured `logging` or structlog
keeps its configuration.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
from structlog.stdlib import ProcessorFormatter

from langgraph_runner.node.logs import add_node_context
from langgraph_runner.redaction import sanitize_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from structlog.typing import Processor

    LogLevel = Literal["debug", "info", "warning", "error"]
    LogFormat = Literal["text", "json"]

__all__ = ["log_to_stderr"]

_CHATTY: Final = ("alembic", "httpcore", "httpx")
"""Libraries that log each migration or request at info, with the values of its query: these log from warning on."""


@contextmanager
def log_to_stderr(level: LogLevel, log_format: LogFormat | None) -> Iterator[None]:
    """Log to stderr until the block ends.

    Args:
        level: The lowest level that is logged.
        log_format: `text`, or `json` with one object a line; None for text on a terminal and JSON otherwise.
    """
    root = logging.getLogger()
    configures_logging, configures_structlog = not root.handlers, not structlog.is_configured()
    if (
        not configures_logging
    ):  # By the app. Without structlog, events of the package are records of `logging`.
        yield
        return
    number = logging.getLevelName(level.upper())
    shared: list[Processor] = [
        add_node_context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _render_exception,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _drop_colours, *shared],
            processors=[ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
        )
    )
    loggers = [root, *map(logging.getLogger, _CHATTY)]
    levels_before = [logger.level for logger in loggers]
    root.addHandler(handler)
    root.setLevel(number)
    for logger in loggers[1:]:
        logger.setLevel(max(number, logging.WARNING))
    if configures_structlog:
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                *shared,
                ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
            cache_logger_on_first_use=False,
        )
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, before in zip(loggers, levels_before, strict=True):
            logger.setLevel(before)
        if configures_structlog:
            structlog.reset_defaults()


def _renderer(log_format: LogFormat | None) -> Processor:
    is_terminal = sys.stderr.isatty()
    if log_format == "json" or (log_format is None and not is_terminal):
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=is_terminal and not os.environ.get("NO_COLOR"),
        repr_native_str=True,  # So that a value cannot begin a line, or move the cursor.
        exception_formatter=structlog.dev.plain_traceback,  # rich's shows the values of variables.
    )


def _render_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its sanitized stack."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event.setdefault("stack", sanitize_stack(error))
    return event


def _drop_colours(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop the copy of the message with colours that uvicorn adds to its records."""
    event.pop("color_message", None)
    return event
