"""A workflow inside LangGraph: as a graph of its steps, and as one node of any graph.

Everything in `workflow/` that knows LangGraph lives here. Durable runs are in `engine/`.
"""
