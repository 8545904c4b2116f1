"""What travels through the graph and its subgraphs: JSON values, and the message that Studio shows as a chat."""

from typing import Annotated, Literal

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

# Not typing's: pydantic, which draws the schemas for Studio, wants this one before Python 3.12.
from typing_extensions import TypedDict

from langgraph_runner import GraphState, merge_mappings


class Text(TypedDict):
    """What the caller gives; the form that Studio shows."""

    text: str


class Pace(TypedDict, total=False):
    """The context of a run: how long the reading of a section takes, so that one can watch."""

    seconds_per_section: float


class Section(TypedDict):
    """A heading, numbered, with the text under it. ``anchor``: the link that leads to it."""

    name: str
    anchor: str
    text: str


class Counts(TypedDict):
    """How much text there is."""

    words: int
    sentences: int


class Link(TypedDict):
    """A link, and where it leads; ``nowhere`` is an anchor that the document does not have."""

    target: str
    leads: Literal["here", "nowhere", "web", "file"]


class Report(TypedDict):
    """What is known of a section. ``reading_ease`` is None where there is nothing to read."""

    counts: Counts
    reading_ease: float | None
    links: list[Link]


class Reports(GraphState, total=False):
    """The reports by section, merged from all branches; the errors of ``GraphState`` come along."""

    reports: Annotated[dict[str, Report], merge_mappings]


class SectionState(Reports, total=False):
    """What the subgraph of one section knows. ``anchors``: where links inside the document may lead."""

    section: Section
    anchors: list[str]
    counts: Counts
    reading_ease: float
    links: list[Link]


class DigestState(Reports, total=False):
    """What the whole graph knows."""

    text: str
    sections: list[Section]
    total: Report
    messages: Annotated[list[AnyMessage], add_messages]
