"""The log of the package: events go to structlog if the user has configured it, else to `logging`.

structlog is a dependency of the package, so it is always installed. It prints to stdout until it is configured,
which a library must not do. So until `structlog.configure()` is called, events become plain `logging` records of
the `langgraph_runner` loggers. In a program that does not configure logging either, Python's last-resort handler
prints warnings and errors on stderr, so a captured failure is always visible. The choice is made at each event, so
users may configure either at any time.

structlog is not imported here: it is there once the program has imported it, and an import takes longer than all the
rest of the package's own code.
"""

import contextlib
import logging
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

_RECORD_OPTIONS = ("exc_info", "stack_info")
# `logging` refuses these in `extra`, because a record has attributes of these names.
_RECORD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_METHODS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}


class _Structlog:
    """structlog as far as it can be known without importing it."""

    is_imported = False
    """Whether it was found to be imported."""
    is_configured: Callable[[], bool]
    """Whether the user has configured it."""

    def __init__(self) -> None:
        self.is_configured = self._is_imported_and_configured

    def _is_imported_and_configured(self) -> bool:
        # Another thread may be in the middle of importing it.
        configured = getattr(sys.modules.get("structlog"), "is_configured", None)
        if configured is None:
            return False
        self.is_imported = True
        self.is_configured = configured  # Nodes ask at each call, and this saves one.
        return bool(configured())


STRUCTLOG = _Structlog()


def log_method(
    name: str, level: int, *, needs_handler: bool = False, stacklevel: int = 1
) -> Callable[..., object] | None:
    """Return the function that logs an event of this level; None if no handler would get it.

    Call the function with the event and its fields: `log("event", key=value)`. It belongs to structlog if the user
    has configured it. Otherwise it makes a record of `logging`: the message is `event key=value ...`, and the fields
    are attributes of the record (with `_` appended where a record has an attribute of that name).
    A structlog logger that cannot know before it has run its processors counts as enabled.

    Args:
        name: A dotted name under `langgraph_runner`, such as `"langgraph_runner.metrics"`.
        level: A level of `logging` that has a method of its own, from `DEBUG` to `CRITICAL`.
        needs_handler: Leave the event out in a program that does not configure logging, at any level.
        stacklevel: Whose line a record of `logging` names: 1 for the line that calls the result.

    Raises:
        Exception: What the user has configured raises.
    """
    if not STRUCTLOG.is_configured():
        if not _has_listener(name, level, needs_handler=needs_handler):
            return None
        return partial(_log_record, _logging_logger(name), level, stacklevel + 1)
    logger = sys.modules["structlog"].get_logger(name).bind()
    kind = type(logger)
    # Asked of the class: an instance of structlog.BoundLogger turns any name into a logging method.
    ask = getattr(kind, "is_enabled_for", None) or getattr(kind, "isEnabledFor", None)
    if ask is not None:
        try:
            if not ask(logger, level):
                return None
        except (
            AttributeError
        ):  # A stdlib.BoundLogger around a logger that is not from `logging` does not know.
            pass
    method: Callable[..., object] = getattr(logger, _METHODS[level])
    return method


def is_enabled(name: str, level: int, *, needs_handler: bool = False) -> bool:
    """Return whether an event of this level would be logged, as `log_method()` does. Raises no `Exception`."""
    if not STRUCTLOG.is_configured():
        return _has_listener(name, level, needs_handler=needs_handler)
    try:
        return log_method(name, level, needs_handler=needs_handler) is not None
    except Exception:  # What the user has configured raises: `emit()` reports that.
        return True


def emit(
    name: str,
    level: int,
    event: str,
    more: Callable[[], dict[str, Any]] | None = None,
    *,
    needs_handler: bool = False,
    stacklevel: int = 1,
    **fields: Any,
) -> None:
    """Log one event, if a handler would get it. Raises no `Exception`, also when a handler of the user fails.

    Args:
        name: See `log_method()`.
        level: See `log_method()`.
        event: What happened.
        more: Returns further fields that take time to compute; called only if a handler would get the event.
        needs_handler: See `log_method()`.
        stacklevel: Whose line a record of `logging` names: 1 for the caller's.
        **fields: The fields of the event.
    """
    try:
        log = log_method(name, level, needs_handler=needs_handler, stacklevel=stacklevel + 1)
        if log is not None:
            log(event, **fields, **({} if more is None else more()))
    except Exception as error:
        report_lost_event(name, event, error)


def report_lost_event(name: str, event: str, error: Exception) -> None:
    """Report that an event could not be logged: through `logging`, else on stderr, else not at all."""
    text = "The log event %r could not be logged."
    try:
        logging.getLogger(name).error(text, event, exc_info=error)
    except Exception:  # The handler that failed was called again, and failed again.
        fields = {"msg": f"{text} %r", "args": (event, error), "levelno": logging.ERROR}
        with contextlib.suppress(Exception):
            if logging.lastResort is not None:
                logging.lastResort.handle(logging.makeLogRecord(fields))


def _has_listener(name: str, level: int, *, needs_handler: bool) -> bool:
    """Return whether a record would reach a handler of the user, or Python's last resort where there is none."""
    current: logging.Logger | None = _logging_logger(name)
    if current is not None and not current.isEnabledFor(level):
        return False
    is_configured = False
    while current is not None:
        for handler in current.handlers:
            is_configured = True
            if type(handler) is not logging.NullHandler:
                return True
        current = current.parent if current.propagate else None
    if is_configured or needs_handler:
        return False
    return logging.lastResort is not None and level >= logging.lastResort.level


# `logging.getLogger` takes a lock at each call.
_logging_logger = cache(logging.getLogger)


def _log_record(logger: logging.Logger, level: int, stacklevel: int, event: str, /, **fields: Any) -> None:
    """Log an event as a record of `logging`."""
    options = {key: fields.pop(key) for key in _RECORD_OPTIONS if key in fields}
    contextvars = getattr(sys.modules.get("structlog"), "contextvars", None)
    if contextvars is not None and (bound := contextvars.get_contextvars()):
        fields = {**fields, **bound, **fields}
    message = " ".join([event, *[f"{key}={value!r}" for key, value in fields.items()]])
    if not _RECORD_ATTRIBUTES.isdisjoint(fields):
        fields = {f"{key}_" if key in _RECORD_ATTRIBUTES else key: value for key, value in fields.items()}
    logger.log(level, message, extra=fields, stacklevel=stacklevel, **options)
