"""What travels through the graph."""

# Not typing's: pydantic, which draws the schemas for Studio, wants this one before Python 3.12.
from typing_extensions import TypedDict

from langgraph_runner import GraphState


class Release(TypedDict):
    """What the caller gives; the form that Studio shows. ``commits``: one subject per line."""

    version: str
    commits: str


class ReleaseNotes(GraphState, total=False):
    """The notes on top of what ``GraphState`` holds: flags, the reviewer's decision, errors."""

    version: str
    commits: str
    notes: str
