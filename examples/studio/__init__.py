"""Graphs for LangGraph Studio; the README in this folder says how to start it."""
