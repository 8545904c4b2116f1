"""A DAG of plain functions as data: written with a decorator, checked, hashed, changed, and run inside LangGraph."""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
