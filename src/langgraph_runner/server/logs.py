"""The log of the service: structlog where it is configured, `logging` else."""

from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = "langgraph_runner.server"
"""Name of its logger."""
