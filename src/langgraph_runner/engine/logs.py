"""The name of the engine's logger. `errors/logs.py` emits its events, to structlog or `logging`."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.engine"
"""The name of the engine's logger."""
