"""The policies of a node: retry with back-off, circuit breaker and fallback, each with its options.

A policy decides whether and when a call is made. The order in which the policies act is in `node/pipeline.py`; what
LangGraph needs to know of a node is in `node/langgraph/`.
"""
