"""Shared requests of the tests of `examples/studio`."""

from __future__ import annotations

from typing import Any

from langgraph_sdk.client import SyncLangGraphClient

from tests.examples.server import REPOSITORY

STUDIO_CONFIG = REPOSITORY / "examples" / "studio" / "langgraph.json"
TEXT = """\
# Tea

Tea is brewed from leaves. Good tea needs good leaves and hot water, says [a page](https://tea.example/brew).

## Empty

## Water

Water for tea must be hot. Soft water makes tea clear. See [above](#tea) and [below](#milk).
"""
COMMITS = "feat(cli): add a flag\nfix: keep the draft\nchore: tidy up"


def assistant(studio: SyncLangGraphClient, graph: str) -> str:
    """Return the id of the assistant that the server made for a graph."""
    return studio.assistants.search(graph_id=graph)[0]["assistant_id"]


def asked(studio: SyncLangGraphClient, thread: str) -> list[Any]:
    """Return the questions on which a thread waits."""
    interrupts = studio.threads.get(thread)["interrupts"]
    return [question["value"] for questions in interrupts.values() for question in questions]
