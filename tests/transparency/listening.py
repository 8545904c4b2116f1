"""Callback handlers that record their events."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

__all__ = ["Listener", "Tracer"]

_EVENTS = (
    *("on_chain_start", "on_chain_end", "on_chain_error"),
    *("on_chat_model_start", "on_llm_start", "on_llm_new_token", "on_llm_end", "on_llm_error"),
    *("on_tool_start", "on_tool_end", "on_tool_error"),
    *("on_retriever_start", "on_retriever_end", "on_custom_event", "on_text", "on_retry"),
)


class Listener(BaseCallbackHandler):
    """Records each event with its arguments."""

    run_inline = True  # Keeps the order of events.

    def __init__(self) -> None:
        self.heard: list[Any] = []


def _keeping(event: str) -> Any:
    def keep(self: Listener, *arguments: Any, **keywords: Any) -> None:
        self.heard.append((event, arguments, keywords))

    return keep


for _event in _EVENTS:
    setattr(Listener, _event, _keeping(_event))


class Tracer(BaseTracer):
    """Records the tree of each root run, as LangSmith would receive it."""

    run_inline = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def _persist_run(self, run: Run) -> None:
        self.heard.append(_tree(run))


def _tree(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "type": run.run_type,
        "tags": run.tags,
        "metadata": (run.extra or {}).get("metadata"),
        "inputs": run.inputs,
        "outputs": run.outputs,
        "failed": (run.error or "").splitlines()[:1],
        "events": [event["name"] for event in run.events or ()],
        "children": [_tree(child) for child in run.child_runs],
    }
