"""Everything about a node that depends on LangGraph: signatures, the state schema, output and delivery.

Only `internals.py` and `interrupts.py` touch private parts of LangGraph. The pipeline that runs a function, and its
policies, are outside: they would work without a graph.
"""
