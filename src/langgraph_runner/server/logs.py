"""The logger of the service. `errors/logs.py` decides where its events go."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.server"
"""Name of its logger."""
