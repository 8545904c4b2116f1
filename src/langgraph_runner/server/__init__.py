"""The service: an engine as a REST API with API keys, tenants, live events and a dashboard.

Runs are executed and stored by `engine/`. Programs that call the service use `client/`.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)
