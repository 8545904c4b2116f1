"""The logger of the metrics. `errors/logs.py` decides where its events go."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.metrics"
"""Name of the logger, for `emit()`."""
