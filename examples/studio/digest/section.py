"""The subgraph that analyses one section: three parallel nodes, one of which is a subgraph for the links.

A section in which a node fails is still reported with the other results. So the nodes *record* their errors: that
does not set the flag ``blocked``, which would stop the whole digest.
"""

import asyncio
import re
from functools import partial
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from examples.studio.digest.links import links_graph
from examples.studio.digest.sections import sentences, words
from examples.studio.digest.state import Pace, Reports, SectionState
from langgraph_runner import create_node

VOWELS = re.compile(r"[aeiouyäöü]+")


async def read(state: SectionState, runtime: Runtime[Pace]) -> None:
    """Announce the section in the stream, and wait as long as the context says."""
    runtime.stream_writer({"reading": state["section"]["name"]})
    await asyncio.sleep((runtime.context or {}).get("seconds_per_section", 0))


def count(state: SectionState) -> dict[str, Any]:
    """Count words and sentences."""
    lines = sentences(state["section"]["text"])
    return {"counts": {"words": sum(len(words(line)) for line in lines), "sentences": len(lines)}}


def readability(state: SectionState) -> dict[str, Any]:
    """Rate how easily it reads, from 0 to 100 for most texts: Flesch, "A New Readability Yardstick", 1948.

    Raises:
        ValueError: There is no text.
    """
    lines = sentences(state["section"]["text"])
    if not lines:
        raise ValueError(f"{state['section']['name']}: there is no text to read.")
    found = [word for line in lines for word in words(line)]
    per_sentence = len(found) / len(lines)
    per_word = sum(syllables(word) for word in found) / len(found)
    return {"reading_ease": round(206.835 - 1.015 * per_sentence - 84.6 * per_word, 1)}


def syllables(word: str) -> int:
    """Estimate by groups of vowels; an e at the end is silent."""
    groups = len(VOWELS.findall(word.lower().removesuffix("e")))
    return max(groups, 1)


def report(state: SectionState) -> dict[str, Any]:
    """Combine the results."""
    section_report = {
        "counts": state.get("counts", {"words": 0, "sentences": 0}),
        "reading_ease": state.get("reading_ease"),
        "links": state.get("links", []),
    }
    return {"reports": {state["section"]["name"]: section_report}}


node = partial(create_node, on_error="record", timeout_ms=5_000)

builder = StateGraph(SectionState, context_schema=Pace, output_schema=Reports)
builder.add_node("read", node(read, retry=2))
builder.add_node("count", node(count))
builder.add_node("readability", node(readability))
builder.add_node("links", node(links_graph))
builder.add_node("report", node(report))
builder.add_edge(START, "read")
for analysis in ("count", "readability", "links"):
    builder.add_edge("read", analysis)
builder.add_edge(["count", "readability", "links"], "report")
section_graph = builder.compile(name="section")
