"""For the tests of users: a clock that needs no waiting, functions that fail on cue, a node's context.

See docs/testing.md.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi. Lazy, because pytest imports the plugin here whenever it starts.
__getattr__, __dir__, __all__ = lazy_names(__name__)
