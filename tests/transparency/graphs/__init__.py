"""The graphs: one module for each family; each module registers its builders."""

from __future__ import annotations

from tests.transparency.graphs import (
    callables,
    failures,
    functional,
    human,
    injection,
    injection_strings,
    memory,
    models,
    policies,
    returns,
    routing,
    runnables,
    schemas,
    streaming,
    subgraphs,
)
from tests.transparency.scenario import ALL

__all__ = [
    "ALL",
    "callables",
    "failures",
    "functional",
    "human",
    "injection",
    "injection_strings",
    "memory",
    "models",
    "policies",
    "returns",
    "routing",
    "runnables",
    "schemas",
    "streaming",
    "subgraphs",
]
