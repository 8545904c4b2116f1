"""A workflow inside LangGraph: as a graph of its steps, and as one node of any graph.

Durable runs are in `engine/`. How one step becomes a node is in `calling.py`, which both use.
"""
