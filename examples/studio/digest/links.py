"""The subgraph for links: find the links of a section, and classify them."""

from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from examples.studio.digest.sections import LINK
from examples.studio.digest.state import Link, Section
from langgraph_runner import GraphState, create_node


class Links(TypedDict):
    """The output of the subgraph."""

    links: list[Link]


class LinksState(GraphState, total=False):
    """The state of the subgraph."""

    section: Section
    anchors: list[str]
    targets: list[str]
    links: list[Link]


def find(state: LinksState) -> dict[str, Any]:
    """Find inline links and bare addresses, each once."""
    found = (link["target"] or link["bare"] for link in LINK.finditer(state["section"]["text"]))
    return {"targets": list(dict.fromkeys(found))}


def follow(state: LinksState) -> dict[str, Any]:
    """Classify each link, without opening it."""
    return {
        "links": [{"target": target, "leads": leads(target, state["anchors"])} for target in state["targets"]]
    }


def leads(target: str, anchors: list[str]) -> str:
    """Classify one link."""
    if target.startswith("#"):
        return "here" if target in anchors else "nowhere"
    return "web" if "://" in target or target.startswith("mailto:") else "file"


builder = StateGraph(LinksState, output_schema=Links)
builder.add_node("find", create_node(find, timeout_ms=5_000, on_error="raise"))
builder.add_node("follow", create_node(follow, on_error="raise"))
builder.add_edge(START, "find")
builder.add_edge("find", "follow")
links_graph = builder.compile(name="links")
"""Its nodes raise. The node that runs this graph records the error, beside those of its siblings."""
