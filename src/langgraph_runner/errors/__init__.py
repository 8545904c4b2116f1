"""What can go wrong in a node, how it is classified, and how it is written down safely."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
