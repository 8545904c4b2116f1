"""The log of the engine: structlog where it is installed, `logging` else."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.engine"
"""Name of its logger."""
