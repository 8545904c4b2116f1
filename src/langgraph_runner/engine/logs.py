"""The engine's log. `errors/logs.py` emits its events, to structlog or `logging`."""

from typing import Any, Final

from langgraph_runner.errors.logs import emit

__all__ = ["LOGGER", "log_event"]

LOGGER: Final = "langgraph_runner.engine"
"""The name of the engine's logger."""


def log_event(level: int, event: str, **fields: Any) -> None:
    """Log one event of the engine."""
    emit(LOGGER, level, event, **fields)
