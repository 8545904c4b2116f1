"""Tools for tests of code that uses this package: a fake clock, scripted functions, a node's context, suites.

`docs/testing.md` explains them. The package's own tests use them, too; what only these need is in `tests/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi. Lazy, because pytest imports the plugin here whenever it starts.
__getattr__, __dir__, __all__ = lazy_names(__name__)
