"""Whole graphs: `GraphRunner` runs one, `wrap_graph()` makes its nodes resilient, `JsonFileSaver` keeps its state.

A single resilient node is in `node/`, a workflow that is defined as data in `workflow/`, durable runs in `engine/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
