"""The client of the service: the methods of `RunEngine` over HTTP, async and blocking.

Models of runs and the errors of the engine are in `engine/`; the service itself is in `server/`.
Needs the extra `client`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
