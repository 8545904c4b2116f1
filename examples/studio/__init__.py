"""Graphs to look at in LangGraph Studio; the README beside this file says how to start it."""
