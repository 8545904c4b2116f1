"""The campaign as a graph of its steps, for LangGraph Studio; `langgraph.json` serves it."""

from examples.campaign.workflow import campaign

__all__ = ["graph"]

graph = campaign.to_graph().compile(name="campaign")
