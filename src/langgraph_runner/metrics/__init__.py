"""What nodes did and how long it took: counts, percentiles over a rolling window, threshold events.

A node reports to a collector by itself (`node/`). Metrics of the engine and of its server are in `engine/` and
`server/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
