"""Where the package's log events go: into the user's structlog if it is configured, else into `logging`.

structlog prints to stdout until it is configured, which a library must not do. So until `structlog.configure()` was
called, events become plain `logging` records of the `langgraph_runner` loggers. In a program that configures no
logging either, Python's last-resort handler prints warnings and errors on stderr: a captured failure is always seen.
The choice is made at each event, so users may configure either at any time.

structlog is imported when the first event is logged, never before: it costs more than the rest of the
package's own code together.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from typing import Any

_RECORD_OPTIONS = ("exc_info", "stack_info")
# What `logging` refuses in `extra`, because a record has attributes of these names.
_RECORD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# From `logging` up to the line that logged: two frames of structlog's proxy and one of its level method.
_FRAMES_TO_CALLER = 4
EXTRA_FRAMES = "_extra_frames"
"""A field for `logging` only: how many more frames to skip on the way to the line that logged."""


def is_structlog_configured() -> bool:
    """Whether events go into the user's structlog. Does not import it."""
    # structlog that is not imported is not configured; one half imported by another thread is not either.
    configured = getattr(sys.modules.get("structlog"), "is_configured", None)
    return configured is not None and bool(configured())


def get_logger(name: str) -> Any:
    """Return a logger with structlog's methods (`info(event, **fields)`, `bind(**fields)` and so on).

    Args:
        name: A dotted name under `langgraph_runner`, such as `"langgraph_runner.metrics"`.

    Returns:
        The user's structlog logger if structlog is configured now.
        Otherwise one that turns an event into a `logging` record: the message reads
        `event key=value ...`, the fields are attributes of the record (with `_` appended where a record
        has an attribute of that name), and the level is that of the `logging` logger.
    """
    import structlog  # noqa: PLC0415 - see the module docstring

    return structlog.get_logger(name) if structlog.is_configured() else _standard_logger(name)


def is_enabled(name: str, level: int, *, needs_handler: bool = False) -> bool:
    """Tell whether an event of this level would be logged; cheap enough to ask on every node call.

    Args:
        name: The logger's name, as for `get_logger`.
        level: A level of `logging`, such as `logging.INFO`.
        needs_handler: Leave the event out in a program that configures no logging, whatever its level.

    Returns:
        What the logger says; True where a structlog logger cannot tell before it has run its processors.
    """
    if not is_structlog_configured():
        logger = _logging_logger(name)
        return logger.isEnabledFor(level) and _has_listener(logger, level, needs_handler=needs_handler)
    return _is_enabled_in_structlog(name, level)


def emit(
    name: str,
    level: int,
    event: str,
    more: Callable[[], dict[str, Any]] | None = None,
    *,
    needs_handler: bool = False,
    **fields: Any,
) -> None:
    """Log one event, if a handler would get it. Raises no `Exception`: a handler of the user's must harm nothing.

    Args:
        name: The logger's name, as for `get_logger`.
        level: A level of `logging` that has a method of its own, from `DEBUG` to `CRITICAL`.
        event: What happened.
        more: Gives fields that cost something to find out; asked only if a handler would get the event.
        needs_handler: Leave the event out in a program that configures no logging, whatever its level.
        **fields: What is to be said of it.
    """
    try:
        if is_enabled(name, level, needs_handler=needs_handler):
            found = {} if more is None else more()
            getattr(get_logger(name), logging.getLevelName(level).lower())(event, **fields, **found)
    except Exception as error:
        _report_lost(name, event, error)


def _report_lost(name: str, event: str, error: Exception) -> None:
    """Say that an event could not be logged: through `logging`, else on stderr, else not at all."""
    text = "The log event %r could not be logged."
    try:
        logging.getLogger(name).error(text, event, exc_info=error)
    except Exception:  # The handler that has failed was asked again, and has failed again.
        fields = {"msg": f"{text} %r", "args": (event, error), "levelno": logging.ERROR}
        with contextlib.suppress(Exception):
            if logging.lastResort is not None:
                logging.lastResort.handle(logging.makeLogRecord(fields))


def _has_listener(logger: logging.Logger, level: int, *, needs_handler: bool) -> bool:
    """Whether a record would reach a handler: one of the user's, or Python's last resort where there is none."""
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
            except AttributeError:  # a stdlib.BoundLogger around a logger that is not from `logging`
                return True
    return True


@cache
def _standard_logger(name: str) -> Any:
    """Wrap a `logging` logger; every option is given, so that a later `configure()` does not reach it."""
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
