"""Workflows: a DAG of plain functions, written with a decorator, checked, hashed, changed, and run inside LangGraph.

Its modules and their order are listed in docs/architecture.md. Durable runs of a workflow are in `engine/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
