"""LangGraph nodes that survive production: `graph.add_node("x", create_node(fn, retry=3))`."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(
    __name__, not_in_all=("langgraph_runner.engine", "langgraph_runner.metrics.exporters")
)
