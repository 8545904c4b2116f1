"""One resilient node: `create_node()` and what goes in and out of it."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
