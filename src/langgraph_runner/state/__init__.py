"""The state that the runner writes to: its fields and reducers, checked updates, and routes by its flags.

What a record in `errors` contains is in `errors/`; how a node writes to the state is in `node/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
