"""One resilient node: `create_node()`, the call of a node (`pipeline`, `attempt`, `call`), and what goes in and out.

The policies are in `policies/`, what depends on LangGraph is in `langgraph/`. Clocks, sleeping, threads and abort
signals are not here but in the package `runtime`; whole graphs are in `graph`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
