"""Audit an installed distribution with a graph of resilient nodes.

``python -m examples.package_audit [DIST] [--out DIR]`` reads the real files of any installed
distribution and writes a Markdown report with charts. ``graph.py`` shows how the nodes are made.
"""
