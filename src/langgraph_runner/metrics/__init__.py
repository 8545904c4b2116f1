"""What nodes did and how long it took: counts, percentiles over a rolling window, threshold events."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
