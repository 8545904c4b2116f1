"""The engine's log. `errors/logs.py` emits its events, to structlog or `logging`."""

from typing import Any, Final

from langgraph_runner.errors.logs import emit
from langgraph_runner.redaction import sanitize_text

__all__ = ["LOGGER", "cause", "log_event"]

LOGGER: Final = "langgraph_runner.engine"
"""The name of the engine's logger."""
_MAX_READ: Final = 2_000
_MAX_LOGGED: Final = 500


def log_event(level: int, event: str, **fields: Any) -> None:
    """Log one event of the engine."""
    emit(LOGGER, level, event, **fields)


def cause(error: BaseException) -> dict[str, Any]:
    """Return the type of an error and its sanitized message, without SQL and parameters, as fields of an event."""
    message = str(getattr(error, "orig", None) or error)[:_MAX_READ]
    return {"error_type": type(error).__name__, "error": sanitize_text(message, max_chars=_MAX_LOGGED)}
