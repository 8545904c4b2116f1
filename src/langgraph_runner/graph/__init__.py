"""Run whole graphs: with the same care for every node, and with their state on disk for a person to read."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
