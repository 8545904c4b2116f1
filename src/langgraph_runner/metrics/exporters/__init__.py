"""Metrics and spans for the systems that watch programs: Prometheus and OpenTelemetry, each an extra.

A library is imported when its exporter is first asked for, never before.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
