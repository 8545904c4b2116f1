"""The state of the graph."""

# Before Python 3.12 pydantic, which makes the schemas for Studio, needs this one and not that of typing.
from typing_extensions import TypedDict

from langgraph_runner import GraphState


class Release(TypedDict):
    """The input of the graph; Studio makes a form of it. ``commits``: one subject per line."""

    version: str
    commits: str


class ReleaseNotes(GraphState, total=False):
    """The notes, in addition to the flags, decisions and errors of ``GraphState``."""

    version: str
    commits: str
    notes: str
