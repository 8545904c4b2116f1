"""The errors of the package: exceptions with stable codes, classification, records, hints, and the log.

The errors of graphs, workflows, the engine and the client are in those packages, below the root that is here.
What makes a text safe to store is in `redaction/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
