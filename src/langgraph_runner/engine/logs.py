"""The logger of the engine. `errors/logs.py` decides where its events go."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.engine"
"""Name of the logger, for `emit()`."""
