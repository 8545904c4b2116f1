"""The states of the graph and its subgraphs: JSON values, and the message that Studio shows as a chat."""

from typing import Annotated, Literal

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

# Before Python 3.12 pydantic, which makes the schemas for Studio, needs this one and not that of typing.
from typing_extensions import TypedDict

from langgraph_runner import GraphState, merge_mappings


class Text(TypedDict):
    """The input of the graph; Studio makes a form of it."""

    text: str


class Pace(TypedDict, total=False):
    """The context of a run: how long each section takes, so that you can watch."""

    seconds_per_section: float


class Section(TypedDict):
    """A heading, numbered, with the text under it. ``anchor``: the link that leads to it."""

    name: str
    anchor: str
    text: str


class Counts(TypedDict):
    """The numbers of words and sentences."""

    words: int
    sentences: int


class Link(TypedDict):
    """A link and its target; ``nowhere``: an anchor that the document does not have."""

    target: str
    leads: Literal["here", "nowhere", "web", "file"]


class Report(TypedDict):
    """The report of a section. ``reading_ease`` is None if there is no text."""

    counts: Counts
    reading_ease: float | None
    links: list[Link]


class Reports(GraphState, total=False):
    """The reports by section, merged from all branches, in addition to the errors of ``GraphState``."""

    reports: Annotated[dict[str, Report], merge_mappings]


class SectionState(Reports, total=False):
    """The state of the subgraph for one section. ``anchors``: the anchors of the document."""

    section: Section
    anchors: list[str]
    counts: Counts
    reading_ease: float
    links: list[Link]


class DigestState(Reports, total=False):
    """The state of the whole graph."""

    text: str
    sections: list[Section]
    total: Report
    messages: Annotated[list[AnyMessage], add_messages]
