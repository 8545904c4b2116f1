"""A digest of a Markdown text: each section is analysed in a subgraph, all side by side, then summarised.

Try in Studio:

- Submit the text of any README. ``analyse`` and its ``links`` open up: they are graphs themselves, and so is
  the ``ranking`` that ``summarise`` calls. The thread shows each of them with the state that it had.
- Give the run the context ``{"seconds_per_section": 2}`` to watch the sections being read, or to cancel it.
  With 6 seconds each reading takes too long: after two attempts there is a record in ``errors``, and the
  digest continues without that section.
- Submit a text with an empty section: it has no ``reading_ease``, and an error says why.
"""

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite, Send

from examples.studio.digest.section import section_graph
from examples.studio.digest.sections import split
from examples.studio.digest.state import DigestState, Pace, Text
from examples.studio.digest.summary import summarise
from langgraph_runner import create_node, update_state


def begin(_: DigestState) -> dict[str, Any]:
    """Clear the results of an earlier run on the thread. Without ``Overwrite`` the reducers would add to them."""
    return update_state(
        sections=[],
        reports=Overwrite({}),
        messages=Overwrite([]),
        errors=Overwrite([]),
        routing_flags=Overwrite({}),
    )


def after_split(state: DigestState) -> list[Send] | Literal["__end__"]:
    """Open a branch for each section."""
    anchors = [section["anchor"] for section in state["sections"]]
    return [Send("analyse", {"section": section, "anchors": anchors}) for section in state["sections"]] or END


def merge(state: DigestState) -> dict[str, Any]:
    """Combine the reports of all sections."""
    reports = state["reports"].values()
    rated = [report for report in reports if report["reading_ease"] is not None]
    words = sum(report["counts"]["words"] for report in rated)
    ease = sum(report["reading_ease"] * report["counts"]["words"] for report in rated)
    return {
        "total": {
            "counts": {
                "words": sum(report["counts"]["words"] for report in reports),
                "sentences": sum(report["counts"]["sentences"] for report in reports),
            },
            "reading_ease": round(ease / words, 1) if words else None,
            "links": [link for report in reports for link in report["links"]],
        }
    }


builder = StateGraph(DigestState, input_schema=Text, context_schema=Pace)
builder.add_node("begin", create_node(begin))
builder.add_node("split", create_node(split, timeout_ms=5_000))
builder.add_node("analyse", create_node(section_graph, timeout_ms=60_000, on_error="record"))
builder.add_node("merge", create_node(merge))
builder.add_node("summarise", create_node(summarise, retry=2, timeout_ms=10_000))
builder.add_edge(START, "begin")
builder.add_edge("begin", "split")
builder.add_conditional_edges("split", after_split, ["analyse", END])
builder.add_edge("analyse", "merge")
builder.add_edge("merge", "summarise")
builder.add_edge("summarise", END)

graph = builder.compile(name="digest")
"""Compiled without a checkpointer: the server has its own."""
