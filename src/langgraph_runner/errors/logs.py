"""The log of the package: events go to structlog if the user has configured it, else to `logging`.

structlog is a dependency of the package, so it is always installed. It prints to stdout until it is configured,
which a library must not do. So until `structlog.configure()` is called, events become plain `logging` records of
the `langgraph_runner` loggers. In a program that does not configure logging either, Python's last-resort handler
prints warnings and errors on stderr, so a captured failure is always visible. The choice is made at each event, so
users may configure either at any time.

structlog is imported when the first event is logged, because importing it takes longer than all the rest of the
package's own code.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from typing import Any

_RECORD_OPTIONS = ("exc_info", "stack_info")
# `logging` refuses these in `extra`, because a record has attributes of these names.
_RECORD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# The frames between `logging` and the line that logged: those of structlog's proxy and of its level method.
_FRAMES_TO_CALLER = 4
EXTRA_FRAMES = "_extra_frames"
"""A field for `logging` only: how many more frames to skip to find the line that logged."""


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


def get_logger(name: str) -> Any:
    """Return a logger with structlog's methods (`info(event, **fields)`, `bind(**fields)` and so on).

    It is the structlog logger of the user if structlog is configured now. Otherwise it turns an event into a
    `logging` record: the message is `event key=value ...`, the fields are attributes of the record (with `_`
    appended where a record has an attribute of that name), and the level is that of the `logging` logger.
    """
    import structlog  # noqa: PLC0415 - see the module docstring

    return structlog.get_logger(name) if structlog.is_configured() else _standard_logger(name)


def is_enabled(name: str, level: int, *, needs_handler: bool = False) -> bool:
    """Return whether an event of this level would be logged; cheap enough for every call of a node.

    True where a structlog logger does not know before it has run its processors, or cannot be made: `emit()`
    reports that. `needs_handler` leaves the event out in a program that does not configure logging, at any level.
    Raises no `Exception`.
    """
    if not STRUCTLOG.is_configured():
        logger = _logging_logger(name)
        return logger.isEnabledFor(level) and _has_listener(logger, level, needs_handler=needs_handler)
    try:
        return _is_enabled_in_structlog(name, level)
    except Exception:  # What the user has configured raises.
        return True


def emit(
    name: str,
    level: int,
    event: str,
    more: Callable[[], dict[str, Any]] | None = None,
    *,
    needs_handler: bool = False,
    **fields: Any,
) -> None:
    """Log one event, if a handler would get it. Raises no `Exception`, also when a handler of the user fails.

    Args:
        name: A dotted name under `langgraph_runner`, such as `"langgraph_runner.metrics"`.
        level: A level of `logging` that has a method of its own, from `DEBUG` to `CRITICAL`.
        event: What happened.
        more: Returns further fields that take time to compute; called only if a handler would get the event.
        needs_handler: Leave the event out in a program that does not configure logging, at any level.
        **fields: The fields of the event.
    """
    try:
        if is_enabled(name, level, needs_handler=needs_handler):
            found = {} if more is None else more()
            getattr(get_logger(name), logging.getLevelName(level).lower())(event, **fields, **found)
    except Exception as error:
        _report_lost(name, event, error)


def _report_lost(name: str, event: str, error: Exception) -> None:
    """Report that an event could not be logged: through `logging`, else on stderr, else not at all."""
    text = "The log event %r could not be logged."
    try:
        logging.getLogger(name).error(text, event, exc_info=error)
    except Exception:  # The handler that failed was called again, and failed again.
        fields = {"msg": f"{text} %r", "args": (event, error), "levelno": logging.ERROR}
        with contextlib.suppress(Exception):
            if logging.lastResort is not None:
                logging.lastResort.handle(logging.makeLogRecord(fields))


def _has_listener(logger: logging.Logger, level: int, *, needs_handler: bool) -> bool:
    """Return whether a record would reach a handler of the user, or Python's last resort where there is none."""
    is_configured = False
    current: logging.Logger | None = logger
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


def _is_enabled_in_structlog(name: str, level: int) -> bool:
    import structlog  # noqa: PLC0415

    logger = structlog.get_logger(name).bind()
    for method in ("is_enabled_for", "isEnabledFor"):
        # Asked of the class: an instance of structlog.BoundLogger turns any name into a logging method.
        if ask := getattr(type(logger), method, None):
            try:
                return bool(ask(logger, level))
            except AttributeError:  # A stdlib.BoundLogger around a logger that is not from `logging`.
                return True
    return True


@cache
def _standard_logger(name: str) -> Any:
    """Wrap a `logging` logger. Every option is given, so that a later `configure()` does not change it."""
    import structlog  # noqa: PLC0415

    return structlog.wrap_logger(
        _logging_logger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.contextvars.merge_contextvars, _to_record],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )


def _to_record(
    _logger: Any, _method: str, event_dict: MutableMapping[str, Any]
) -> tuple[tuple[str], Mapping[str, Any]]:
    """Turn an event into the arguments of a `logging` method; the last of structlog's processors."""
    options = {key: event_dict.pop(key) for key in _RECORD_OPTIONS if key in event_dict}
    event = event_dict.pop("event", "")
    frames = _FRAMES_TO_CALLER + event_dict.pop(EXTRA_FRAMES, 0)
    message = " ".join([str(event), *(f"{key}={value!r}" for key, value in event_dict.items())])
    extra = {f"{key}_" if key in _RECORD_ATTRIBUTES else key: value for key, value in event_dict.items()}
    return (message,), {"extra": extra, "stacklevel": frames, **options}
